"""Owns the cookie wire format (RFC 6265bis): names in, lines out, bytes throughout.

Never knows which cookie is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

MAX_AGE_CAP_SECONDS = 34_560_000
"""400 days: the longest a browser keeps a cookie (RFC 6265bis 5.5)."""

SEMICOLON = 0x3B
"""``;``. A number is looked up in bytes some ten times faster than bytes are."""
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WHITESPACE = b" \t"
_MOST_SPACE = 32
"""Space that may stand before a name where it is looked up; browsers send one."""


def pairs(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split a ``Cookie`` field value into (name, the piece exactly as sent).

    A piece without ``=`` is a nameless cookie (RFC 6265bis 5.7): its name is empty.
    """
    for piece in header.split(b";"):
        name, equals, _ = piece.partition(b"=")
        if equals:
            yield name.strip(_WHITESPACE), piece
        elif piece.strip(_WHITESPACE):
            yield b"", piece


def values_of(header: bytes, name: bytes) -> list[bytes]:
    """Every value that a ``Cookie`` field gives for one name, without splitting the rest.

    Args:
        header: the field value.
        name: as it was set, without ``=``; found only at the start of a pair.
    """
    found = []
    start = header.find(name)
    size = len(name)
    while start >= 0:
        after = start + size
        before = header[max(0, start - _MOST_SPACE) : start].rstrip(_WHITESPACE)
        is_first = not before and start < _MOST_SPACE
        if header[after : after + 1] == b"=" and (is_first or before.endswith(b";")):
            end = header.find(b";", after)
            value = header[after + 1 :] if end < 0 else header[after + 1 : end]
            found.append(value.strip(_WHITESPACE))
        start = header.find(name, after)
    return found


def values_in(headers: Iterable[bytes], name: bytes) -> list[bytes]:
    """Every value that several ``Cookie`` field values give for one name."""
    found: list[bytes] = []
    for header in headers:
        if name in header:
            only = only_value(header, name)
            found += values_of(header, name) if only is None else (only,)
    return found


def only_value(header: bytes, name: bytes) -> bytes | None:
    """The value where browsers write it, if the field mentions the name nowhere else.

    Returns:
        None where it takes a closer look, by ``values_of``.
    """
    at = header.find(name)
    after = at + len(name)
    is_there = header[after : after + 1] == b"=" and (not at or header[at - 2 : at] == b"; ")
    if not is_there or header.find(name, after) >= 0:
        return None
    end = header.find(b";", after)
    value = header[after + 1 :] if end < 0 else header[after + 1 : end]
    return value.strip(_WHITESPACE)


def is_token(name: bytes) -> bool:
    """Whether the name may stand in a header we write (RFC 9110 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def set_cookie_name(line: bytes) -> bytes:
    """The name in a ``Set-Cookie`` field value; empty where it is nameless."""
    name, equals, _ = line.partition(b"=")
    return name.strip(_WHITESPACE) if equals and SEMICOLON not in name else b""


def is_deletion(line: bytes, now: int) -> bool:
    """Whether a ``Set-Cookie`` line only removes its cookie (CKE-10).

    ``Max-Age`` wins over ``Expires``; the last of each counts (RFC 6265bis 5.6, 5.7).
    """
    max_age: bytes | None = None
    expires: bytes | None = None
    for attribute in line.split(b";")[1:]:
        name, _, value = attribute.partition(b"=")
        folded = name.strip(_WHITESPACE).lower()
        if folded == b"max-age" and _is_max_age(value.strip(_WHITESPACE)):
            max_age = value.strip(_WHITESPACE)
        elif folded == b"expires":
            expires = value.strip(_WHITESPACE)
    if max_age is not None:
        return max_age[:1] == b"-" or not max_age.strip(b"0")
    moment = cookie_date(expires) if expires else None
    return moment is not None and moment <= now


def _is_max_age(value: bytes) -> bool:
    return value.removeprefix(b"-").isdigit()


_DELIMITERS = re.compile(rb"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(rb"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)")
_DAY = re.compile(rb"(\d{1,2})(?:\D|$)")
_YEAR = re.compile(rb"(\d{2,4})(?:\D|$)")
_MONTHS = (b"jan feb mar apr may jun jul aug sep oct nov dec").split()


def cookie_date(text: bytes) -> int | None:
    """Read a date as browsers do (RFC 6265bis 5.1.1).

    Returns:
        Whole seconds since the epoch, or None where a browser would ignore the attribute.
    """
    clock: tuple[int, int, int] | None = None
    day = month = year = None
    for part in _DELIMITERS.split(text[:256]):
        if clock is None and (found := _TIME.match(part)):
            clock = (int(found[1]), int(found[2]), int(found[3]))
        elif day is None and (found := _DAY.match(part)):
            day = int(found.group(1))
        elif month is None and part[:3].lower() in _MONTHS:
            month = _MONTHS.index(part[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(part)):
            year = int(found.group(1))
    if clock is None or day is None or month is None or year is None:
        return None
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    if year < 1601:
        return None
    try:
        return int(datetime(year, month, day, *clock, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def set_cookie(
    name: str, value: str, *, max_age_seconds: int | None, is_secure: bool, path: str = "/"
) -> bytes:
    """Write the line of a cookie of ours: HttpOnly, SameSite=Lax, host-only.

    Args:
        name: a token; ``value``: only letters, digits, ``-``, ``_`` and ``.``.
        value: see above.
        max_age_seconds: capped at 400 days; None for a cookie of the browser session.
        is_secure: whether the visitor came over HTTPS.
        path: starts with ``/``.
    """
    age = f"; Max-Age={min(max_age_seconds, MAX_AGE_CAP_SECONDS)}" if max_age_seconds else ""
    secure = "; Secure" if is_secure else ""
    line = f"{name}={value}{age}; Path={path}; HttpOnly; SameSite=Lax{secure}"
    return line.encode("latin-1")


def expiry(
    name: bytes, *, domain: bytes, path: bytes, is_secure: bool, is_partitioned: bool = False
) -> bytes:
    """Write the line that removes one variant of a cookie, HttpOnly or not.

    Args:
        name: a token.
        domain: without leading dot; empty for a host-only cookie.
        path: as it was set.
        is_secure: adds ``Secure``, without which prefixed and partitioned cookies stay.
        is_partitioned: adds ``Partitioned`` (CHIPS).
    """
    line = name + b"=; Max-Age=0; Path=" + path
    if domain:
        line += b"; Domain=" + domain
    if is_secure:
        line += b"; Secure"
    if is_partitioned and is_secure:
        line += b"; Partitioned"
    return line


def domain_variants(host: str) -> list[bytes]:
    """Every ``Domain`` under which a cookie can reach this host: host-only first, then parents.

    Without the Public Suffix List the last parent tried has two labels; a browser ignores a
    line for a public suffix.
    """
    name = host.rpartition("]")[2].partition(":")[0] if not host.startswith("[") else ""
    name = name.rstrip(".").lower()
    if not re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", name) or _is_ipv4(name):
        return [b""]
    labels = name.split(".")[-6:]
    parents = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    return [b"", *(parent.encode() for parent in parents)]


def _is_ipv4(name: str) -> bool:
    return re.fullmatch(r"\d+(?:\.\d+){3}", name) is not None


_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*")


def path_variants(path: str, *, most: int = 32) -> list[bytes]:
    """Every ``Path`` under which a cookie can have been sent with this request path.

    ``/shop/cart`` gives ``/``, ``/shop``, ``/shop/``, ``/shop/cart``; RFC 6265bis 5.1.4.

    Args:
        path: as the browser sends it, percent-encoded: browsers compare it so.
        most: where there are more, the shortest.
    """
    if not _PATH.fullmatch(path):
        return [b"/"]
    found = [b"/"]
    position = path.find("/", 1)
    while position != -1 and len(found) < most:
        found += [path[:position].encode(), path[: position + 1].encode()]
        position = path.find("/", position + 1)
    if len(path) > 1 and path.encode() not in found:
        found.append(path.encode())
    return found[:most]


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a browser sends what it keeps under ``cookie_path`` to ``path``."""
    return path == cookie_path or (
        path.startswith(cookie_path)
        and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


def join(pieces: Iterable[bytes]) -> bytes:
    """Put permitted pieces of a ``Cookie`` field back together as they were sent."""
    return b";".join(pieces).lstrip(_WHITESPACE)
