"""Owns the register of what visitors asked for and what was given out; never knows their data."""
