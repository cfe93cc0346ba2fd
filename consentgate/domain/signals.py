"""Owns what a browser states by header; never knows what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """The browser's standing wishes on one request."""

    gpc: bool = False
    """``Sec-GPC: 1`` (SIG-01)."""
    dnt: bool = False
    """``DNT: 1`` (SIG-18)."""
    prefetch: bool = False
    """``Sec-Purpose: prefetch`` or prerender: nobody is looking (COL-17)."""

    def __hash__(self) -> int:
        return self.gpc + 2 * self.dnt + 4 * self.prefetch

    def __or__(self, other: Signals) -> Signals:
        return Signals(
            self.gpc or other.gpc, self.dnt or other.dnt, self.prefetch or other.prefetch
        )

    def joined(self, other: Signals) -> Signals:
        """What either states; NONE itself where that is nothing."""
        return _ALL[self.gpc or other.gpc, self.dnt or other.dnt, self.prefetch or other.prefetch]

    @property
    def is_set(self) -> bool:
        """Whether the browser objects to anything."""
        return self.gpc or self.dnt


_ALL = {
    (gpc, dnt, prefetch): Signals(gpc, dnt, prefetch)
    for gpc in (False, True)
    for dnt in (False, True)
    for prefetch in (False, True)
}
NONE = _ALL[False, False, False]
"""Nothing is stated; whatever is read as nothing is this very value."""


def read_signals(headers: Iterable[tuple[bytes, bytes]]) -> Signals:
    """Say what the request's headers state.

    ``Sec-GPC`` counts when a field is exactly ``1``, several fields as if one (SIG-01,
    SIG-02; GPC ED, "HTTP header field"). A list ``0, 1`` that a proxy has joined is read
    as two fields, the more protective reading. ``DNT`` is decided by the first character
    of a field (SIG-18; TPE Note 5.2); ``0`` is never consent (SIG-20).

    Args:
        headers: pairs as an ASGI scope carries them; names in any case.
    """
    gpc = dnt = prefetch = False
    for name, value in headers:
        size = len(name)
        if size == 7 and name.lower() == b"sec-gpc":
            gpc = gpc or b"1" in [part.strip(b" \t") for part in value.split(b",")]
        elif size == 3 and name.lower() == b"dnt":
            dnt = dnt or value.lstrip(b" \t")[:1] == b"1"
        elif size == 11 and name.lower() == b"sec-purpose":
            prefetch = prefetch or b"prefetch" in value.lower() or b"prerender" in value.lower()
    return _ALL[gpc, dnt, prefetch]
