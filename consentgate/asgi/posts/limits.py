"""Owns how many choices one client may make; keeps no address, only a keyed hash in memory."""

from __future__ import annotations

import hashlib
import secrets

WINDOW_SECONDS = 60
_MOST_CLIENTS = 50_000


class RateLimit:
    """Counts acts per client and minute.

    The client is a hash of its network (IPv4 address, IPv6 /64) under a key drawn at start, so
    that nothing here can be turned back into an address.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._key = secrets.token_bytes(16)
        self._window = 0
        self._counts: dict[bytes, int] = {}

    def allows(self, client: bytes | None, now: int) -> bool:
        """Count one act and say whether it is still within the limit.

        Args:
            client: address of 4 or 16 bytes; None shares one limit with all that are not known.
            now: seconds since the epoch.
        """
        window = now // WINDOW_SECONDS
        if window != self._window or len(self._counts) >= _MOST_CLIENTS:
            self._window, self._counts = window, {}
        network = (client or b"")[:8]
        name = hashlib.blake2b(network, digest_size=8, key=self._key).digest()
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        return count <= self._most
