"""Owns which ``Set-Cookie`` lines reach the visitor, and the expiry of denied ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from consentgate.domain.policy.policy import Match
from consentgate.formats import cookies
from consentgate.gates.outcomes import Outcome, Pass

MAX_EXPIRY_BYTES = 3_000
"""Room for expiry lines in one response: proxies commonly take 4 KB of headers."""


def may_set(line: bytes, outcome: Outcome, now: int, undeclared: list[bytes]) -> bool:
    """Say whether a ``Set-Cookie`` line passes as it is (CKE-01, CKE-03, CKE-10).

    Args:
        line: the field value.
        outcome: what this visitor permits.
        now: seconds since the epoch, for ``Expires`` in the past.
        undeclared: takes the name where nobody declared it.
    """
    name = cookies.set_cookie_name(line)
    verdict = outcome.passes[name]
    if verdict is Pass.PERMITTED:
        return True
    if verdict is Pass.OWN:
        return False  # only the gate itself speaks of choices
    is_deletion = cookies.is_deletion(line, now)
    if verdict in (Pass.UNDECLARED, Pass.UNDECLARED_PASSES) and not is_deletion:
        undeclared.append(name)
    return is_deletion or verdict is Pass.UNDECLARED_PASSES


def expiries(
    denied: Iterable[bytes],
    outcome: Outcome,
    *,
    host: str,
    path: str,
    is_secure: bool,
    now: int,
) -> list[bytes]:
    """Write the lines that remove denied cookies which the browser still sends (CKE-13, WDR-02).

    A server sees neither Domain nor Path of a cookie, so every pair that can have sent it here
    is expired, the likeliest first: the declared one, then ``/``, then deeper paths. Where that is
    more than a response should carry, the unlikely ones take turns by the clock and the path, so
    that a few responses cover all.

    Args:
        denied: names that the request carries.
        outcome: what this visitor permits.
        host: the ``Host`` field.
        path: the request's path, percent-encoded.
        is_secure: whether the visitor came over HTTPS.
        now: seconds since the epoch.
    """
    lines: list[tuple[int, bytes]] = []
    for name in dict.fromkeys(denied):
        if cookies.is_token(name):
            lines += enumerate(outcome.plan.expiries[name, host, path, is_secure])
    if sum(len(line) for _, line in lines) <= MAX_EXPIRY_BYTES:
        return [line for _, line in lines]
    return _fit(lines, now * 7 + zlib.crc32(path.encode("utf-8", "replace")))


def unseen_expiries(outcome: Outcome, *, host: str, path: str, is_secure: bool) -> Iterator[bytes]:
    """Write the lines for denied cookies that this request cannot carry (WDR-02).

    They are kept under a path of their own: what a choice at our address denies may lie there.
    Only names that were declared in full can be known.

    Args:
        outcome: what the visitor permits from now on.
        host: the ``Host`` field.
        path: the request's path, percent-encoded.
        is_secure: whether the visitor came over HTTPS.
    """
    for service in outcome.plan.policy.services:
        if service.key not in outcome.denied_services:
            continue
        for pattern in service.cookies:
            if pattern.match is Match.EXACT and not cookies.path_matches(path, pattern.path):
                own = pattern.domain
                domains = [own.lstrip(".").encode()] if own else cookies.domain_variants(host)
                for domain in domains:
                    yield cookies.expiry(
                        pattern.name.encode("latin-1", "replace"),
                        domain=domain,
                        path=pattern.path.encode(),
                        is_secure=is_secure,
                        is_partitioned=pattern.is_partitioned,
                    )


def _fit(ranked: list[tuple[int, bytes]], turn: int) -> list[bytes]:
    """The likeliest variants of every cookie as far as half the room takes them, then others."""
    lines = [line for _, line in sorted(ranked, key=lambda pair: pair[0])]
    fitting: list[bytes] = []
    room = MAX_EXPIRY_BYTES
    while room - len(lines[0]) >= MAX_EXPIRY_BYTES // 2:
        room -= len(lines[0])
        fitting.append(lines.pop(0))
    start = turn % len(lines)
    for line in lines[start:] + lines[:start]:
        room -= len(line)
        if room < 0:
            break
        fitting.append(line)
    return fitting
