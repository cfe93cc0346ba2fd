"""Owns what visits to our own addresses are called where an app's visit has a route."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

OWN: Final = SimpleNamespace(path="(privacy choices)")
"""A visit to any of our own addresses (LOG-11)."""
UNNOTED: Final = SimpleNamespace(path="(status)")
"""A visit that leaves no line: asking for a status is not tracked (SIG-27)."""
COLLECTOR: Final = SimpleNamespace(path="(collector)")
"""A request that the gate answers in the place of a denied collector."""
