"""Owns the lines of access logs, as other servers write and other tools read them."""
