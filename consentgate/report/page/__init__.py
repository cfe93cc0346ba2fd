"""Owns the report as one page: charts without a script, a table beside each."""
