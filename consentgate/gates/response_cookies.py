"""Owns which ``Set-Cookie`` lines reach the visitor, and the expiry of denied ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

from consentgate.domain.policy import CookiePattern
from consentgate.formats import cookies
from consentgate.gates.plan import Outcome, Pass

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
    verdict = outcome.cookie(name)
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
    is expired: the declared one first. Where that is more than a response should carry, the
    start moves on with the clock, so that a few responses cover all.
    """
    lines: list[bytes] = []
    for name in dict.fromkeys(denied):
        if cookies.is_token(name):
            pattern = outcome.pattern_of(name)
            is_short = len(name) + len(host) + len(path) <= 256
            variants = _variants if is_short else _variants.__wrapped__
            lines += variants(name, pattern, host, path, is_secure)
    if sum(map(len, lines)) <= MAX_EXPIRY_BYTES:
        return lines
    return _fit(lines, now)


@lru_cache(maxsize=1_024)
def _variants(
    name: bytes, pattern: CookiePattern | None, host: str, path: str, is_secure: bool
) -> Sequence[bytes]:
    is_partitioned = pattern is not None and pattern.is_partitioned
    if name.startswith(b"__Host-"):
        pairs = [(b"", b"/")]
    else:
        pairs = list(product(cookies.domain_variants(host), cookies.path_variants(path)))
        pairs.sort(key=lambda pair: len(pair[1]))
    if pattern is not None and (pattern.domain or pattern.path != "/"):
        first = ((pattern.domain or "").lstrip(".").encode(), pattern.path.encode())
        pairs = [first, *(pair for pair in pairs if pair != first)]
    return [
        cookies.expiry(
            name,
            domain=domain,
            path=variant,
            is_secure=is_secure,
            is_partitioned=is_partitioned,
        )
        for domain, variant in pairs
    ]


def _fit(lines: list[bytes], now: int) -> list[bytes]:
    start = now * 7 % len(lines)
    fitting: list[bytes] = []
    size = 0
    for line in lines[start:] + lines[:start]:
        size += len(line)
        if size > MAX_EXPIRY_BYTES:
            break
        fitting.append(line)
    return fitting
