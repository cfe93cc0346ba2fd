"""Owns what happens to cookies, both ways."""
