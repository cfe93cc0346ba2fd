"""Owns what is looked up about a request: places and agents. Never keeps an address."""
