"""Owns what a visit may tell the site log."""
