"""Owns what happens to a page: its bytes, and the headers that belong to a page alone."""
