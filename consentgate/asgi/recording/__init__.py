"""Owns what is written down of visits: the site log, sums, warnings and reports."""
