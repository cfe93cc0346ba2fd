"""Owns what caches are told of an answer: whom it was made for, and what it depends on."""

from __future__ import annotations

from typing import Final

from consentgate.formats.headers import Headers
from consentgate.memo import Memo, up_to

VISITOR = (b"cookie", b"sec-gpc", b"dnt")
"""What an answer that asked for consent can depend on (SIG-15)."""
PAGE = (*VISITOR, b"accept-language")
"""What a page with our markup depends on."""
_JOINED: dict[tuple[bytes, ...], bytes] = {names: b", ".join(names) for names in (VISITOR, PAGE)}


_TARGETED: Final = b"-cache-control"
"""How the fields end that speak to one kind of shared cache (RFC 9213): ``CDN-Cache-Control``."""
_REFUSED: Final = {
    b"surrogate-control": b"no-store",
    b"edge-control": b"no-store",
    b"x-accel-expires": b"0",
}
"""Other fields that permit a shared cache to store an answer, to what forbids it."""


def _refusal_in(name: bytes) -> bytes | None:
    """What a field of that name says where nothing may be stored; None: it permits nothing."""
    folded = name.lower()
    return b"private" if folded.endswith(_TARGETED) else _REFUSED.get(folded)


_refusals: Memo[bytes, bytes | None] = Memo(_refusal_in, 1_024, is_small=up_to(64))


def with_private(headers: Headers) -> Headers:
    """Keep shared caches from storing an answer made for one visitor (SIG-15, SEC-08).

    ``public`` and ``s-maxage`` go, and ``private="field"``, which keeps one field only; what was
    already ``private`` or ``no-store`` stays as it is. Fields that only some caches read, and that
    win over ``Cache-Control`` there, follow.
    """
    for name, _ in headers:
        if _refusals[name] is not None:
            headers = [(name, _refused(name, value)) for name, value in headers]
            break
    return _with_private(headers)


def _refused(name: bytes, value: bytes) -> bytes:
    refusal = _refusals[name]
    if refusal is None or b"no-store" in value.lower():
        return value
    return refusal


def _with_private(headers: Headers) -> Headers:
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
    """The headers with one field of that name, where and as the app wrote its first."""
    replaced: Headers = []
    value: bytes | None = b", ".join(parts)
    for pair in headers:
        if pair[0].lower() != name:
            replaced.append(pair)
        elif value is not None:
            replaced.append((pair[0], value))
            value = None
    return replaced
