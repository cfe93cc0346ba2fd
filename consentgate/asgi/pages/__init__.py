"""Owns what a visitor reads: the first layer, the choices page, and the addresses beside it."""
