"""Owns grants that have ended, so that an older cookie does not bring one back."""
