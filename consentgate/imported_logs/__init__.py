"""Owns other servers' access logs: keeps of each line what the site log would keep."""
