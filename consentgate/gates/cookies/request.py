"""Owns what of the request's cookies the app may read (CKE-02; EDPB 2/2023, paragraph 31)."""

from __future__ import annotations

from collections.abc import Iterator

from consentgate.formats import cookies
from consentgate.formats.headers import Headers
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.outcomes import Outcome, Pass
from consentgate.gates.request import Request, is_cookie


def drop_denied_cookies(request: Request, outcome: Outcome) -> Gated:
    """Keep the cookies that the outcome permits, each byte for byte, and drop the others.

    Our own token never reaches the app. A field that keeps nothing disappears; several fields
    (HTTP/2 crumbs, RFC 9113 8.2.3) stay several.
    """
    denied: list[bytes] = []
    undeclared: list[bytes] = []
    fields = [_permitted(field, outcome, denied, undeclared) for field in request.cookies]
    found = Found(tuple(denied), tuple(undeclared)) if denied or undeclared else NOTHING
    if all(passing is field for passing, field in zip(fields, request.cookies, strict=True)):
        return Gated(request.headers, found)
    return Gated(list(_exchanged(request.headers, fields)), found)


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
        name = name.strip(b" \t") if equals else b""
        verdict = passes[name] if name else None
        if verdict is Pass.PERMITTED:
            passing.append(piece)
            continue
        if verdict is None:
            if not equals and not piece.strip(b" \t"):
                passing.append(piece)  # "a=1;" keeps its trailing semicolon
                continue
            verdict = passes[name]
        if verdict is Pass.DENIED:
            denied.append(name)
        elif verdict is not Pass.OWN:
            undeclared.append(name)
            if verdict is Pass.UNDECLARED_PASSES:
                passing.append(piece)
                continue
        is_whole = False
    if is_whole:
        return field
    return cookies.join(passing) if any(piece.strip(b" \t") for piece in passing) else None


def _exchanged(headers: Headers, fields: list[bytes | None]) -> Iterator[tuple[bytes, bytes]]:
    """The pairs with these values in the place of the ``Cookie`` fields, in order."""
    values = iter(fields)
    for pair in headers:
        if not is_cookie(pair[0]):
            yield pair
        elif (value := next(values)) is not None:
            yield pair[0], value
