"""Owns the values of single header fields."""
