"""Owns the verbs of the security log."""
