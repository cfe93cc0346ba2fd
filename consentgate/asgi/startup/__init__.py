"""Owns what happens once, before the first request."""
