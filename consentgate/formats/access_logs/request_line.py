"""Owns request lines, ``GET /path?query HTTP/1.1``: method, path and its template, query."""

from __future__ import annotations

import re
from urllib.parse import unquote

from consentgate.formats.urls.templates import UNMATCHED, Templates

_ODD = r"%?#\t-\r\x1c-\x20\x80-\xff"
"""Characters (bytes) that end a path or have to be decoded; plain ranges, which are found fast."""
_IS_PLAIN = re.compile(f"[^{_ODD}]*")
_VERSION = r"(?: HTTP/[0-9.]{1,3})?"


class RequestLines:
    """Reads the request lines of a site that declares templates; each begins with ``/``."""

    def __init__(self, templates: Templates) -> None:
        declared = templates.patterns(segment=f"[^/{_ODD}]+", rest=f"[^{_ODD}]+")
        fitting = [
            pattern[1:] if _IS_PLAIN.fullmatch(template) else "(?!)"
            for template, pattern in zip(templates.declared, declared, strict=True)
        ]
        rests = "|".join(f"({pattern})" for pattern in (*fitting, f"[^{_ODD}]*"))
        self._plain = re.compile(f"([A-Z]{{1,16}}) /(?:{rests}){_VERSION}").fullmatch
        self._routes = ("", "", *templates.declared, UNMATCHED)
        self._match = templates.match

    def read(self, line: str) -> tuple[str, str, str, bytes]:
        """Method, decoded path, template and raw query of a request line.

        The path is empty where it is none (``OPTIONS *``, ``CONNECT host:443``, TLS sent to a
        plain port); scheme and host of an absolute form are cut off.
        """
        plain = self._plain(line)
        if plain is not None:
            at = plain.lastindex or 0
            return plain[1], f"/{plain[at]}", self._routes[at], b""
        method, path, query = parts_of(line)
        return method, path, self._match(path), query


def parts_of(line: str) -> tuple[str, str, bytes]:
    """Method, decoded path and raw query of any request line."""
    method, _, rest = line.partition(" ")
    before, blank, last = rest.rpartition(" ")
    target = before if blank and last.startswith("HTTP/") else rest
    target, _, query = target.partition("?")
    scheme, mark, after = target.partition("://")
    if mark and scheme.lower() in ("http", "https"):
        target = "/" + after.partition("/")[2]
    path = target.partition("#")[0] if target.startswith("/") else ""
    if "%" in path or not path.isascii():
        path = unquote(path.encode("latin-1", "replace").decode("utf-8", "replace"))
    return method, path, query.encode("latin-1", "replace")
