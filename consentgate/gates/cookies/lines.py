"""Owns the ``Set-Cookie`` lines of one answer: the app's that pass, and ours after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consentgate.formats import cookies
from consentgate.gates.cookies.remembered import remembering_token
from consentgate.gates.cookies.request import Headers
from consentgate.gates.cookies.response import (
    expiries,
    is_personal,
    may_set,
    unseen_expiries,
)
from consentgate.gates.headers.caching import with_private
from consentgate.gates.plan import Outcome, Pass

if TYPE_CHECKING:
    from consentgate.gates.visit import Visit


def gated_cookies(visit: Visit, headers: Headers, *, adds: bool = True) -> Headers:
    """Drop the ``Set-Cookie`` lines that may not pass, add the expiry of denied cookies.

    Args:
        visit: the request.
        headers: the app's pairs; returned as they are where nothing changes.
        adds: whether the answer may carry lines of our own, which are for one visitor.
    """
    kept = passing_lines(visit, headers)
    added = added_lines(visit) if adds else []
    if added:
        return with_private(kept) + [(b"set-cookie", line) for line in added]
    return kept


def passing_lines(visit: Visit, headers: Headers) -> Headers:
    """The pairs without the lines that may not pass; private where one would not for others."""
    outcome = visit.outcome
    blocked: set[int] = set()
    names: dict[bytes, int] = {}
    undeclared: list[bytes] = []
    is_for_one = False
    for position, (field, line) in enumerate(headers):
        if len(field) != 10 or field.lower() != b"set-cookie":
            continue
        name = cookies.set_cookie_name(line)
        names[name] = names.get(name, 0) + 1
        if not may_set(line, outcome, visit.now, undeclared, name=name):
            blocked.add(position)
        elif not is_for_one:
            is_for_one = is_personal(name, outcome)
    if not names:
        return headers
    # CKE-11; RFC 6265bis 4.1.1: SHOULD NOT
    visit.repeated = (*visit.repeated, *(name for name, count in names.items() if count > 1))
    visit.undeclared_set = (*visit.undeclared_set, *undeclared)
    if blocked:
        headers = [pair for position, pair in enumerate(headers) if position not in blocked]
    return with_private(headers) if is_for_one else headers


def added_lines(visit: Visit) -> list[bytes]:
    """Our own lines, once a visit: expiries, and the signal to remember."""
    if visit.is_line_added:
        return []
    visit.is_line_added = True
    lines = expiries_of(visit, visit.outcome) if visit.denied else []
    remembered = remembering_token(visit) if visit.signals.is_set else None
    if remembered is not None:
        lines.append(visit.token_line(remembered))
    return lines


def expiries_of(visit: Visit, outcome: Outcome) -> list[bytes]:
    """Lines that remove every cookie of this request that ``outcome`` denies."""
    return expiries(
        _denied_by(visit, outcome),
        outcome,
        host=visit.host,
        path=visit.sent_path,
        is_secure=visit.is_https,
        now=visit.now,
    )


def farewells(visit: Visit, outcome: Outcome) -> list[bytes]:
    """Lines that remove every cookie known to a site that ``outcome`` denies (WDR-02)."""
    unseen = unseen_expiries(
        outcome, host=visit.host, path=visit.sent_path, is_secure=visit.is_https
    )
    return [*expiries_of(visit, outcome), *unseen]


def _denied_by(visit: Visit, outcome: Outcome) -> Sequence[bytes]:
    if outcome is visit.outcome:
        return visit.denied
    headers: Headers = visit.scope["headers"]
    passed = [
        name
        for field, value in headers
        if field.lower() == b"cookie"
        for name, _ in cookies.pairs(value)
    ]
    return [name for name in [*visit.denied, *passed] if outcome.cookie(name) is Pass.DENIED]
