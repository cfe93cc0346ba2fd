"""A small shop behind a ConsentGate, with its third parties on other loopback addresses."""
