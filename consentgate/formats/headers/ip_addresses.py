"""Owns network addresses: text to bytes. Never knows where an address came from."""

from __future__ import annotations

import socket

_MAPPED = bytes(10) + b"\xff\xff"


def packed_address(text: str) -> bytes | None:
    """Read an address as 4 (IPv4) or 16 bytes (IPv6).

    IPv4-mapped IPv6 is unwrapped; a zone id, brackets and a port are dropped.

    Returns:
        None for anything that is no address, such as ``testclient``, ``unknown`` or ``010.1.1.1``.
    """
    if len(text) > 128:
        return None
    try:
        return socket.inet_pton(socket.AF_INET, text)  # as most are written
    except (OSError, ValueError):
        pass
    name = text.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.partition("%")[0]
    try:
        if ":" in name:
            packed = socket.inet_pton(socket.AF_INET6, name)
            return packed[12:] if packed[:12] == _MAPPED else packed
        return socket.inet_pton(socket.AF_INET, name)
    except (OSError, ValueError):
        return None
