"""Owns how records reach the disk."""
