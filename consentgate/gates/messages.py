"""Owns the words of ASGI that the gates use: scopes, messages, and which messages are which."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

HEADER_MESSAGES = frozenset(
    ("http.response.start", "websocket.accept", "websocket.http.response.start")
)
"""Messages that carry the headers of an answer."""
SIDE_MESSAGES = frozenset(
    ("http.response.early_hint", "http.response.push", "http.response.trailers")
)
"""Messages that an app may send beside start and body."""
PATHSEND = "http.response.pathsend"
ZEROCOPY = "http.response.zerocopysend"
FILE_MESSAGES = frozenset((PATHSEND, ZEROCOPY))
"""A body that the server reads from a file: the gate never sees its bytes."""
