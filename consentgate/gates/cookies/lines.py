"""Owns the ``Set-Cookie`` lines of one answer: the app's that pass, and ours after them."""

from __future__ import annotations

from collections.abc import Iterable

from consentgate.formats import cookies
from consentgate.formats.headers import Headers
from consentgate.gates.cookies.response import expiries, may_set, unseen_expiries
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.headers.caching import with_private
from consentgate.gates.headers.names import COOKIE, marks
from consentgate.gates.outcomes import Outcome, Pass
from consentgate.gates.request import Request

_PERMITTED, _DENIED = Pass.PERMITTED, Pass.DENIED


def passing_lines(headers: Headers, outcome: Outcome, now: int) -> Gated:
    """Drop the lines that may not pass; say private where one would not pass for others.

    Args:
        headers: the app's pairs; returned as they are where nothing changes.
        outcome: what this visitor permits.
        now: whole seconds since the epoch.
    """
    passes, passes_for_all = outcome.passes, outcome.strictest.passes
    blocked: set[int] = set()
    names: list[bytes] = []
    undeclared: list[bytes] = []
    is_for_one = False
    for position, (field, line) in enumerate(headers):
        if marks[field] != COOKIE:
            continue
        name, equals, _ = line.partition(b"=")
        if not equals or cookies.SEMICOLON in name:
            name = b""
        names.append(name)
        if passes[name] is _PERMITTED:
            if not is_for_one and passes_for_all[name] is _DENIED:
                is_for_one = True
        elif not may_set(line, outcome, now, undeclared):
            blocked.add(position)
    found = NOTHING
    if undeclared or len(set(names)) < len(names):
        found = Found(set=tuple(undeclared), repeated=_repeated(names))
    if blocked:
        headers = [pair for position, pair in enumerate(headers) if position not in blocked]
    return Gated(with_private(headers) if is_for_one else headers, found)


def _repeated(names: list[bytes]) -> tuple[bytes, ...]:
    """Names that one answer sets more than once (CKE-11; RFC 6265bis 4.1.1: SHOULD NOT)."""
    bare = [name.strip(b" \t") for name in names]
    return tuple(name for name in dict.fromkeys(bare) if bare.count(name) > 1)


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
