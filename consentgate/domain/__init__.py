"""Owns the words and rules: purposes, services, choices, regimes, decisions.

Never knows bytes, files, clocks or servers: values in, values out.
"""
