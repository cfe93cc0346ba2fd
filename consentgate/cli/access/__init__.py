"""Owns how commands say who calls them, and how what they give out is written down."""
