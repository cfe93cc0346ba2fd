"""Owns how a header's list comes apart and goes together again, byte for byte.

Commas separate, but not within quotation marks or angle brackets (RFC 9110 5.6.1, RFC 8288 3,
RFC 9651 3). Never knows what the members mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MEMBER = re.compile(
    rb'(?>(?:[^,"<]++|"(?>(?:[^"\\]++|\\.)*)(?:"|\\?$)|<[^>]*+(?:>|$))+)', re.DOTALL
)
_STRING = re.compile(rb'"((?>(?:[^"\\]|\\.)*))"')
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


def members(value: bytes) -> list[bytes]:
    """The members of a list with the white space around them; empty ones are left out."""
    return _MEMBER.findall(value)


def kept(value: bytes, may_stay: Callable[[bytes], bool]) -> bytes | None:
    """The list without what may not stay.

    Returns:
        The very same bytes where all may stay, None where nothing is left.
    """
    found = members(value)
    staying = [member for member in found if may_stay(member)]
    if len(staying) == len(found):
        return value
    return b",".join(staying).strip(b" \t") if staying else None


def strings(value: bytes) -> list[bytes]:
    """The contents of every quoted string, escapes resolved."""
    return [_ESCAPE.sub(rb"\1", found) for found in _STRING.findall(value)]
