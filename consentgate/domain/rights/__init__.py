"""Owns what visitors may ask for, and who may see their data: rules alone."""
