"""Owns wire formats: bytes to values and back. Never knows policies, clocks or servers."""
