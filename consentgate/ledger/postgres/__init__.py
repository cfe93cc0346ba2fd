"""Owns the ledger in a PostgreSQL database, for sites on several machines.

Whoever appends holds the one row of ``consentgate_ledger`` until its commit. So numbers become
visible in their order, on whatever machine, and whoever reads on behind the last one misses none.
"""
