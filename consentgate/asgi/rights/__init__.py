"""Owns the pages on which a visitor sees, corrects and erases what is held."""
