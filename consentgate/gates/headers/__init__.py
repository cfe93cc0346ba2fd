"""Owns what happens to headers, both ways."""
