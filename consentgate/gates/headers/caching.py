"""Owns what caches are told of an answer: whom it was made for, and what it depends on."""

from __future__ import annotations

from consentgate.formats.headers import Headers

VISITOR = (b"cookie", b"sec-gpc", b"dnt")
"""What an answer that asked for consent can depend on (SIG-15)."""
PAGE = (*VISITOR, b"accept-language")
"""What a page with our markup depends on."""
_JOINED: dict[tuple[bytes, ...], bytes] = {names: b", ".join(names) for names in (VISITOR, PAGE)}


def with_private(headers: Headers) -> Headers:
    """Keep shared caches from storing an answer made for one visitor (SIG-15, SEC-08).

    ``public`` and ``s-maxage`` go, and ``private="field"``, which keeps one field only; what was
    already ``private`` or ``no-store`` stays as it is.
    """
    parts = _parts(headers, b"cache-control")
    if not parts:
        return [*headers, (b"cache-control", b"private")]
    folded = [part.lower() for part in parts]
    if b"private" in folded or b"no-store" in folded:
        return headers
    words = [part.partition(b"=")[0].rstrip() for part in folded]
    kept = [
        part
        for part, word in zip(parts, words, strict=True)
        if word not in (b"public", b"s-maxage", b"private")
    ]
    return _replaced(headers, b"cache-control", [*kept, b"private"])


def with_vary(headers: Headers, names: tuple[bytes, ...]) -> Headers:
    """Name in ``Vary`` what the answer depends on, once, after what is there.

    Args:
        headers: the response's pairs, names in any case.
        names: ``VISITOR`` or ``PAGE``.
    """
    parts = _parts(headers, b"vary")
    if not parts:
        return [*headers, (b"vary", _JOINED[names])]
    known = {part.lower() for part in parts}
    missing = [name for name in names if name not in known]
    if b"*" in known or not missing:
        return headers
    return _replaced(headers, b"vary", [*parts, *missing])


def _parts(headers: Headers, name: bytes) -> list[bytes]:
    size = len(name)
    values = [value for key, value in headers if len(key) == size and key.lower() == name]
    if not values:
        return []
    return [part.strip() for value in values for part in value.split(b",") if part.strip()]


def _replaced(headers: Headers, name: bytes, parts: list[bytes]) -> Headers:
    rest = [pair for pair in headers if pair[0].lower() != name]
    return [*rest, (name, b", ".join(parts))]
