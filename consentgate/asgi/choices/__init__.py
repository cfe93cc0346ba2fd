"""Owns the path of a choice: proof of origin, body, check, ledger, token, answer."""
