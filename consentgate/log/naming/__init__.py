"""Owns the names by which a visitor is known again for a day or a month."""
