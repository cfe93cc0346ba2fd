"""Owns the name of a visitor for one day: keyed, and written as an address that leads nowhere."""

from __future__ import annotations

import hashlib
import socket
import struct
from typing import TYPE_CHECKING

from consentgate.memo import Memo

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_DISCARD_ONLY = bytes((1, 0, 0, 0, 0, 0, 0, 0))
"""``100::/64`` (RFC 6666): no host has such an address, and every tool reads it as one."""
_MAPPED = bytes(10) + b"\xff\xff"


_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_MOST_AGENTS = 8_192
_four_groups = struct.Struct(">4H").unpack_from


class VisitorNames:
    """Gives the names of one key's visitors: HMAC-SHA-256 whose beginning is made once an agent."""

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
        self._begun: Memo[str, HASH] = Memo(self._begin, _MOST_AGENTS)

    def _begin(self, agent: str) -> HASH:
        """Hash all but the address."""
        name = agent.encode("utf-8", "replace")
        inner = self._inner.copy()
        inner.update(b"%d:%s%s" % (len(name), name, self._site))
        return inner

    def name(self, address: bytes, agent: str) -> str:
        """Name a visitor: ``100::`` and 64 bits of the hash (LOG-16).

        No signal is an input: who sends GPC or DNT is not told apart by it (SIG-12). Agent and
        site are preceded by their lengths, so that no two visitors are one by moving a border.

        Args:
            address: 4 or 16 bytes; it is kept nowhere.
            agent: the User-Agent as sent, at most 512 characters.
        """
        inner, outer = self._begun[agent].copy(), self._outer.copy()
        inner.update(address if len(address) == 16 else _MAPPED + address)
        outer.update(inner.digest())
        digest = outer.digest()
        groups = _four_groups(digest)
        if groups[0]:
            return (b"100::%x:%x:%x:%x" % groups).decode()
        return socket.inet_ntop(socket.AF_INET6, _DISCARD_ONLY + digest[:8])


def visitor_name(key: bytes, address: bytes, agent: str, site: str) -> str:
    """Name one visitor: see ``VisitorNames``."""
    return VisitorNames(key, site).name(address, agent)
