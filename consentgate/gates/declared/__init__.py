"""Owns whose a name or a host is, by the policy."""
