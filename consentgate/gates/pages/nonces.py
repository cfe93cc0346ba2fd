"""Owns finding the nonce that a page's own Content-Security-Policy gives out."""

from __future__ import annotations

import re

_NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/_-]{1,200}={0,2})'")


def nonce_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The nonce our own script and style need on this page; empty where it gives none out.

    Args:
        headers: the response's pairs, names in any case.
    """
    for name, value in headers:
        if name.lower() == b"content-security-policy":
            found = _NONCE.search(value)
            if found:
                return found[1].decode("ascii")
    return ""
