"""Owns what is looked up about a request: places and agents. Never keeps an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from consentgate.domain.regimes import Place


class PlaceLookup(Protocol):
    """What every source of places promises; looking up never raises and never blocks."""

    def find(self, address: bytes) -> Place:
        """Where an address (4 or 16 bytes) is; NOWHERE where that is not known."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
