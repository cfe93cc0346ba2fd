"""Owns what becomes of the files: compaction, retention, erasure, proof."""
