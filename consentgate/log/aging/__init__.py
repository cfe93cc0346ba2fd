"""Owns what becomes of rows as they age: amounts part from them, names go, columns change."""
