"""Owns which fields of telemetry tell a visitor apart, and what stays of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GONE = frozenset(
    (
        "client.address",
        "client.port",
        "http.client_ip",
        "http.fragment",
        "http.query",
        "http.referer",
        "http.referrer",
        "http.user_agent",
        "net.peer.ip",
        "net.peer.name",
        "net.peer.port",
        "net.sock.peer.addr",
        "net.sock.peer.port",
        "network.peer.address",
        "network.peer.port",
        "session.id",
        "session.previous_id",
        "url.fragment",
        "url.query",
        "user_agent.name",
        "user_agent.original",
        "user_agent.version",
    )
)
"""Names of OpenTelemetry's conventions, old and new, that Sentry's spans use too."""
_GONE_BELOW = (
    "http.request.body",
    "http.request.header.",
    "http.response.header.",
    "enduser.",
    "user.",
    "geo.",
    "device.",
)
CUT = frozenset(("http.target", "http.url", "url", "url.full"))
"""Addresses: what stands before the question mark stays."""


def without_visitor(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span without what tells a visitor apart; the same values otherwise."""
    return {
        name: cut(value) if name in CUT and isinstance(value, str) else value
        for name, value in attributes.items()
        if name not in GONE and not name.startswith(_GONE_BELOW)
    }


def cut(address: str) -> str:
    """An address without query, fragment, user and password."""
    plain = address.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = plain.partition("://")
    if not slashes:
        return plain
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
