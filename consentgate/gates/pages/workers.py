"""Owns programs that run apart from any page: workers, and service workers above all.

A worker has the policy that its own script came with, not its page's (CSP3 4.2, HTML "initialize
worker policy container"). Never knows pages or what a script says.
"""

from __future__ import annotations

import hashlib
from typing import Final

from consentgate.formats.headers import Headers
from consentgate.gates.gated import NOTHING
from consentgate.gates.headers.caching import VISITOR, with_private, with_vary
from consentgate.gates.outcomes import Outcome
from consentgate.gates.pages.csp import ENFORCE, REPORT_ONLY, blocking_csp, declared_csp
from consentgate.gates.pages.documents import without_stale
from consentgate.gates.request import Request

_WORKERS: Final = frozenset((b"worker", b"sharedworker", b"serviceworker"))
_SERVICE: Final = b"serviceworker"


def worker_of(asked: Headers) -> bytes:
    """Which kind of worker a browser asks a program for; empty: for none.

    Args:
        asked: the pairs of the request. ``Service-Worker`` is older than ``Sec-Fetch-Dest``.
    """
    for name, value in asked:
        folded = name.lower()
        if folded == b"sec-fetch-dest":
            found = value.strip().lower()
            return found if found in _WORKERS else b""
        if folded == b"service-worker":
            return _SERVICE
    return b""


def policy_of(headers: Headers, outcome: Outcome, worker: bytes) -> bytes:
    """What a worker may reach: what its visitor's pages may.

    A browser keeps a service worker, and with it its policy, until the script is another one. One
    that cannot be stamped, since it is compressed, may reach every declared service: a policy of
    yesterday must not break what is granted today.
    """
    if worker == _SERVICE and _is_encoded(headers):
        return declared_csp(outcome)
    return blocking_csp(outcome)


def open_worker(
    headers: Headers, outcome: Outcome, request: Request
) -> tuple[Headers, Stamp | None]:
    """Put a worker's script under its visitor's policy, for this visitor alone.

    Args:
        headers: the app's, cookies gated.
        outcome: what this visitor permits.
        request: asks for the script.

    Returns:
        The headers, and what makes a service worker's script another one under another policy.
    """
    mode = outcome.plan.policy.site.csp
    if mode == "off":
        return headers, None
    worker = worker_of(request.headers)
    policy = policy_of(headers, outcome, worker)
    is_kept = worker == _SERVICE and mode == "enforce" and not _is_encoded(headers)
    stamp = Stamp(policy) if is_kept and request.method != "HEAD" else None
    headers = with_private(with_vary(without_stale(headers), VISITOR))
    if policy:
        headers = [*headers, (ENFORCE if mode == "enforce" else REPORT_ONLY, policy)]
    return headers, stamp


def _is_encoded(headers: Headers) -> bool:
    return any(
        name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity")
        for name, value in headers
    )


class Stamp:
    """A script on its way, with a last line that names the policy it came under."""

    __slots__ = ("_line",)
    found = NOTHING
    """A script is not searched."""

    def __init__(self, policy: bytes) -> None:
        """Write the line.

        Args:
            policy: as it is sent; empty: nothing is denied.
        """
        self._line = b"\n//" + hashlib.sha256(policy).hexdigest()[:16].encode()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the script: they go on as they are."""
        return data

    def close(self, data: bytes) -> bytes:
        """Take the last bytes; the line comes after them."""
        return data + self._line

    def owed(self, data: bytes) -> bytes:
        """What still goes on where a gate failed: nothing was held back."""
        return data
