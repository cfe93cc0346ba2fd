"""Owns how reports are written for programs and terminals."""
