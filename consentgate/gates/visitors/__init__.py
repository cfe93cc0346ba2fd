"""Owns who asks: what a visitor's own cookies and headers say of them."""
