"""Owns the gates: what of a request and its response may pass, given a decision.

Pure: scopes and messages in, scopes and messages out. Never knows clocks, stores or servers.
"""
