"""Owns what a look at one part has shown."""

from __future__ import annotations

from typing import NamedTuple


class Symptom(NamedTuple):
    """One thing that was looked at."""

    part: str
    """``secret``, ``policy``, ``clock``, ``ledger``, ``log``, ``proxies``, ``app``."""
    what: str
    """What was seen, and where it is not well, what to do."""
    is_well: bool = True
    is_fatal: bool = False
    """Whether nothing starts with it."""
