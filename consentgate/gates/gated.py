"""Owns what a gate returns: headers that may pass, and what it found. No gate writes elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from consentgate.formats.headers import Headers


class Found(NamedTuple):
    """What the gates came upon in one visit; names are bytes as on the wire."""

    denied: tuple[bytes, ...] = ()
    """Cookies that the browser sent, that are declared and denied: to be expired."""
    sent: tuple[bytes, ...] = ()
    """Cookies that the browser sent and nobody declared."""
    set: tuple[bytes, ...] = ()
    """Cookies that the app set and nobody declared."""
    repeated: tuple[bytes, ...] = ()
    """Cookies that the app set more than once in one answer (CKE-11)."""
    noticed: tuple[str, ...] = ()
    """What could not be gated as it should be: the names of counters."""
    hosts: tuple[str, ...] = ()
    """Hosts of third parties that pages name and nobody declared."""

    def merged(self, other: Found) -> Found:
        """Everything that either found."""
        if other is NOTHING:
            return self
        return Found(
            self.denied + other.denied,
            self.sent + other.sent,
            self.set + other.set,
            self.repeated + other.repeated,
            self.noticed + other.noticed,
            self.hosts + other.hosts,
        )


NOTHING = Found()


class Gated(NamedTuple):
    """What passes a gate."""

    headers: Headers
    """The same list where nothing was changed."""
    found: Found = NOTHING
