"""Owns the name of a visitor for one day: keyed, and written as an address that leads nowhere."""

from __future__ import annotations

import hmac
import socket

_DISCARD_ONLY = bytes((1, 0, 0, 0, 0, 0, 0, 0))
"""``100::/64`` (RFC 6666): no host has such an address, and every tool reads it as one."""
_MAPPED = bytes(10) + b"\xff\xff"


def visitor_name(key: bytes, address: bytes, agent: str, site: str) -> str:
    """``100::`` and 64 bits of HMAC-SHA-256 under the day's key (LOG-16).

    No signal is an input: who sends GPC or DNT is not told apart by it (SIG-12). Each part is
    preceded by its length, so that no two visitors are one by moving a border.

    Args:
        key: of the day.
        address: 4 or 16 bytes.
        agent: the User-Agent as sent, at most 512 characters.
        site: name of the site, so that the names of two sites never match.
    """
    whole = address if len(address) == 16 else _MAPPED + address
    name, place = agent.encode("utf-8", "replace"), site.encode("utf-8")
    message = b"%s%d:%s%d:%s" % (whole, len(name), name, len(place), place)
    digest = hmac.digest(key, message, "sha256")
    return socket.inet_ntop(socket.AF_INET6, _DISCARD_ONLY + digest[:8])
