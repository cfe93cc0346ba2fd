"""Owns who is told that a visitor changed their mind: the app, other programs, the site log."""
