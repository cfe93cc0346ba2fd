"""Owns the separate, short-lived, sealed log."""
