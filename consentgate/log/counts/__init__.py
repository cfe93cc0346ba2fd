"""Owns sums of what no record may say."""
