"""Owns what the operator declares: the policy, its purposes, what they mean, and what changed."""
