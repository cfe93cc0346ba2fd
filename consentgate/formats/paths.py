"""Owns how a path or a query value loses what could point to a person (LOG-17).

Fails closed: what looks like an identifier is replaced, what is too long is cut.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MAX_CHARS = 256
_MAX_VALUE_CHARS = 64

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[^/@\s]{0,64}@[^/@\s]{1,128}"), "{email}"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I), "{uuid}"),
    (re.compile(r"[A-Za-z0-9_-]{10,512}\.[A-Za-z0-9_-]{10,512}\.[A-Za-z0-9_-]{5,512}"), "{token}"),
    (re.compile(r"\d{1,3}(?:\.\d{1,3}){3}"), "{ip}"),
    (re.compile(r"(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}", re.I), "{ip}"),
    (re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,16}"), "{phone}"),
    (re.compile(r"(?=[0-9a-zA-Z_-]*\d)[0-9a-f]{16,512}", re.I), "{token}"),
    (
        re.compile(r"(?=[A-Za-z0-9_=-]*\d)(?=[A-Za-z0-9_=-]*[A-Za-z])[A-Za-z0-9_=-]{20,512}"),
        "{token}",
    ),
    (re.compile(r"\d{5,512}"), "{n}"),
)


def scrubbed_path(path: str) -> str:
    """A path without query, fragment, identifiers and control characters, at most 256 characters.

    ``/user/12345/reset/3f2a…`` becomes ``/user/{n}/reset/{token}``.
    """
    plain = unquote_plus(path[: MAX_CHARS * 4].partition("?")[0].partition("#")[0])
    segments = [_scrubbed(segment) for segment in plain.split("/")]
    return "/".join(segments)[:MAX_CHARS]


def scrubbed_value(value: str) -> str:
    """A query value without identifiers, at most 64 characters."""
    return _scrubbed(unquote_plus(value[: _MAX_VALUE_CHARS * 4]))[:_MAX_VALUE_CHARS]


def _scrubbed(text: str) -> str:
    printable = "".join(char for char in text if char.isprintable())
    for pattern, placeholder in _RULES:
        printable = pattern.sub(placeholder, printable)
    return printable


def kept_query(query: bytes, allowed: frozenset[str]) -> dict[str, str]:
    """The declared fields of a query string, scrubbed; everything else is dropped.

    Args:
        query: as in the scope, without ``?``; only its first 2,048 bytes are read.
        allowed: names such as ``utm_source``.
    """
    kept: dict[str, str] = {}
    for pair in query[:2_048].decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if name in allowed and value and name not in kept:
            kept[name] = scrubbed_value(value)
    return kept
