"""Owns what is asked of every POST to our own addresses."""
