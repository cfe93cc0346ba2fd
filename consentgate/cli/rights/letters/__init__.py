"""Owns the letters that answer requests, in the visitor's language."""
