"""Owns the formats of proof: trees, leaves, signed notes, checkpoints and receipts.

Never knows where a ledger is stored, clocks or randomness: rows, keys and salts are arguments.
"""
