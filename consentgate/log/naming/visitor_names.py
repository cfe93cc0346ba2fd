"""Owns the name of a visitor for one day: keyed, and written as an address that leads nowhere."""

from __future__ import annotations

import hashlib
import socket

_DISCARD_ONLY = bytes((1, 0, 0, 0, 0, 0, 0, 0))
"""``100::/64`` (RFC 6666): no host has such an address, and every tool reads it as one."""
_MAPPED = bytes(10) + b"\xff\xff"


_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class VisitorNames:
    """Gives the names of one key's visitors: HMAC-SHA-256 whose keyed beginning is made once."""

    def __init__(self, key: bytes, site: str) -> None:
        """Take in the key (RFC 2104, section 4: "precomputed").

        Args:
            key: of the day, at most 64 bytes.
            site: name of the site, so that the names of two sites never match.
        """
        padded = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))
        place = site.encode("utf-8")
        self._site = b"%d:%s" % (len(place), place)

    def name(self, address: bytes, agent: str) -> str:
        """``100::`` and 64 bits of the hash (LOG-16).

        No signal is an input: who sends GPC or DNT is not told apart by it (SIG-12). Each part is
        preceded by its length, so that no two visitors are one by moving a border.

        Args:
            address: 4 or 16 bytes.
            agent: the User-Agent as sent, at most 512 characters.
        """
        whole = address if len(address) == 16 else _MAPPED + address
        inner, outer = self._inner.copy(), self._outer.copy()
        name = agent.encode("utf-8", "replace")
        inner.update(b"%s%d:%s%s" % (whole, len(name), name, self._site))
        outer.update(inner.digest())
        return socket.inet_ntop(socket.AF_INET6, _DISCARD_ONLY + outer.digest()[:8])


def visitor_name(key: bytes, address: bytes, agent: str, site: str) -> str:
    """The name of one visitor: see ``VisitorNames``."""
    return VisitorNames(key, site).name(address, agent)
