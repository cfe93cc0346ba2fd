"""Owns addresses: what they lead to, and what in them names a person."""
