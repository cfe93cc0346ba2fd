"""Counts the instructions of a request: ``python -m benchmarks.instructions``."""
