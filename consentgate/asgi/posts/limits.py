"""Owns how many choices one client may make; keeps no address, only a keyed hash in memory."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from consentgate.asgi.faults import Faults
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit

WINDOW_SECONDS = 60
GRANTS_A_MINUTE = 30
REFUSALS_A_MINUTE = 240
ClientOf = Callable[[Request], bytes | None]
"""Gives the client's address by trusted proxies' word, 4 or 16 bytes; None: not known."""
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


def known_client(request: Request, client_of: ClientOf, faults: Faults) -> bytes | None:
    """The client, for a limit alone: no act fails where it cannot be told."""
    try:
        return client_of(request)
    except Exception:
        faults.failed("client", "acts count against one limit for all")
        return None


class Limits:
    """How many choices one client may make."""

    def __init__(self, client_of: ClientOf, faults: Faults) -> None:
        self._grants = RateLimit(most=GRANTS_A_MINUTE)
        self._refusals = RateLimit(most=REFUSALS_A_MINUTE)
        self._client_of = client_of
        self._faults = faults

    def allows(self, visit: Visit, *, is_grant: bool) -> bool:
        """Count an act against its client, and say whether it is still within the limit.

        A refusal takes effect however many came before; beyond the limit it leaves no record.

        Raises:
            BodyProblem: 429 for too many grants in a minute.
        """
        limit = self._grants if is_grant else self._refusals
        client = known_client(visit.request, self._client_of, self._faults)
        if limit.allows(client, visit.now):
            return True
        self._faults.count("rate_limited")
        if is_grant:
            raise BodyProblem(429, "rate_limited", "too many choices; please wait a minute")
        return False
