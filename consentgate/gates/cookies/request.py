"""Owns what of the request's cookies the app may read (CKE-02; EDPB 2/2023, paragraph 31)."""

from __future__ import annotations

from consentgate.formats import cookies
from consentgate.formats.headers import Headers
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.outcomes import Outcome, Pass
from consentgate.gates.request import Request

_PERMITTED, _DENIED, _OWN = Pass.PERMITTED, Pass.DENIED, Pass.OWN
_PASSES = Pass.UNDECLARED_PASSES


def drop_denied_cookies(request: Request, outcome: Outcome) -> Gated:
    """Keep the cookies that the outcome permits, each byte for byte, and drop the others.

    Our own token never reaches the app. A field that keeps nothing disappears; several fields
    (HTTP/2 crumbs, RFC 9113 8.2.3) stay several.
    """
    denied: list[bytes] = []
    undeclared: list[bytes] = []
    headers = request.headers
    for pair in request.cookies:
        passing = _permitted(pair[1], outcome, denied, undeclared)
        if passing is not pair[1]:
            headers = _exchanged(headers, pair, passing)
    found = Found(tuple(denied), tuple(undeclared)) if denied or undeclared else NOTHING
    return Gated(headers, found)


def _permitted(
    field: bytes, outcome: Outcome, denied: list[bytes], undeclared: list[bytes]
) -> bytes | None:
    """The field without what may not pass: itself, another one, or None for nothing.

    Args:
        field: the value of one ``Cookie`` field.
        outcome: what this visitor permits.
        denied: takes the names that are declared and denied.
        undeclared: takes the names that nobody declared.
    """
    passing: list[bytes] = []
    is_whole = True
    passes = outcome.passes
    for piece in field.split(b";"):
        name, equals, _ = piece.partition(b"=")
        verdict = passes[name if equals else b""]
        if verdict is _PERMITTED:
            passing.append(piece)
            continue
        if not equals and not piece.strip(b" \t"):
            passing.append(piece)  # "a=1;" keeps its trailing semicolon
            continue
        if verdict is _DENIED:
            denied.append(name.strip(b" \t"))
        elif verdict is not _OWN:
            undeclared.append(name.strip(b" \t") if equals else b"")
            if verdict is _PASSES:
                passing.append(piece)
                continue
        is_whole = False
    if is_whole:
        return field
    joined = cookies.join(passing)
    return joined if joined.strip(b" \t;") else None


def _exchanged(headers: Headers, field: tuple[bytes, bytes], value: bytes | None) -> Headers:
    """The pairs with another value in the place of one ``Cookie`` field; None takes it out."""
    at = headers.index(field)
    changed = headers.copy()
    if value is None:
        del changed[at]
    else:
        changed[at] = (field[0], value)
    return changed
