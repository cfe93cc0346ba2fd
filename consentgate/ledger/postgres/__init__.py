"""Owns the ledger in a PostgreSQL database, for sites on several machines.

Whoever appends holds the one row of ``consentgate_ledger`` until its commit. So numbers have no
gaps and become visible in their order, on whatever machine. Every statement is plain SQL.
"""
