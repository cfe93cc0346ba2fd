"""Owns reading and checking the policy file; never opens a file itself."""
