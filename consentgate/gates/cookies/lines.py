"""Owns the ``Set-Cookie`` lines of one answer: the app's that pass, and ours after them."""

from __future__ import annotations

from collections.abc import Iterable

from consentgate.formats import cookies
from consentgate.formats.headers import Headers
from consentgate.gates.cookies.response import expiries, is_personal, may_set, unseen_expiries
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.headers.caching import with_private
from consentgate.gates.outcomes import Outcome, Pass
from consentgate.gates.request import Request


def passing_lines(headers: Headers, outcome: Outcome, now: int) -> Gated:
    """Drop the lines that may not pass; say private where one would not pass for others.

    Args:
        headers: the app's pairs; returned as they are where nothing changes.
        outcome: what this visitor permits.
        now: whole seconds since the epoch.
    """
    blocked: set[int] = set()
    names: dict[bytes, int] = {}
    undeclared: list[bytes] = []
    is_for_one = False
    for position, (field, line) in enumerate(headers):
        if len(field) != 10 or field.lower() != b"set-cookie":
            continue
        name = cookies.set_cookie_name(line)
        names[name] = names.get(name, 0) + 1
        if not may_set(line, outcome, now, undeclared, name=name):
            blocked.add(position)
        elif not is_for_one:
            is_for_one = is_personal(name, outcome)
    if not names:
        return Gated(headers)
    found = NOTHING
    if undeclared or len(names) < sum(names.values()):
        # CKE-11; RFC 6265bis 4.1.1: SHOULD NOT
        repeated = tuple(name for name, count in names.items() if count > 1)
        found = Found(set=tuple(undeclared), repeated=repeated)
    if blocked:
        headers = [pair for position, pair in enumerate(headers) if position not in blocked]
    return Gated(with_private(headers) if is_for_one else headers, found)


def with_lines(headers: Headers, lines: Iterable[bytes]) -> Headers:
    """Add lines of our own after the app's, which makes the answer one visitor's."""
    added = [(b"set-cookie", line) for line in lines]
    return with_private(headers) + added if added else headers


def expire(request: Request, denied: Iterable[bytes], outcome: Outcome, now: int) -> list[bytes]:
    """Write the lines that remove denied cookies of a request.

    Args:
        request: says where they can lie.
        denied: their names.
        outcome: what this visitor permits.
        now: whole seconds since the epoch.
    """
    return expiries(
        denied,
        outcome,
        host=request.host,
        path=request.sent_path,
        is_secure=request.is_https,
        now=now,
    )


def expire_denied(request: Request, outcome: Outcome, now: int) -> list[bytes]:
    """Write the lines that remove every cookie known to a site that ``outcome`` denies (WDR-02)."""
    sent = [name for _, field in request.cookies for name, _ in cookies.pairs(field)]
    denied = [name for name in sent if outcome.passes[name] is Pass.DENIED]
    unseen = unseen_expiries(
        outcome, host=request.host, path=request.sent_path, is_secure=request.is_https
    )
    return [*expire(request, denied, outcome, now), *unseen]
