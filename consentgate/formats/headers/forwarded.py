"""Owns whom a request comes from where proxies stand before the server, and how the visitor called
the site: the word of the one at the edge of the trusted ones, or nothing. Never knows where an
address is.

A hop's word is believed only if the hop itself is trusted: the list is read from the right, and
the first address that is not a trusted proxy's is the client (RFC 7239, section 8.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from consentgate.formats.headers.ip_addresses import packed_address

MOST_HOPS = 32
"""More proxies than this in a row are nobody's: the client is unknown."""
_MOST_ELEMENT_CHARS = 1_024
FORWARDED = b"forwarded"
"""The header of RFC 7239; what proxies name in it, others put into ``X-Forwarded-*``."""
UNIX = "unix"
"""Stands among the trusted for a peer that has no address: a Unix socket."""

Headers = Iterable[tuple[bytes, bytes]]


class Networks:
    """The networks whose forwarding headers are believed."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Prepare the networks.

        Args:
            networks: CIDR texts, checked by the policy; ``unix`` for a peer without address.

        Raises:
            ValueError: one is no network.
        """
        self._trusts_unix = UNIX in networks
        parsed = [ip_network(text, strict=False) for text in networks if text != UNIX]
        self._ranges = [
            (
                len(network.network_address.packed),
                int.from_bytes(network.network_address.packed, "big"),
                int(network.netmask),
            )
            for network in parsed
        ]

    def __bool__(self) -> bool:
        return self._trusts_unix or bool(self._ranges)

    def holds(self, address: bytes) -> bool:
        """Whether an address (4 or 16 bytes) is a trusted proxy's."""
        number = int.from_bytes(address, "big")
        size = len(address)
        return any(
            size == width and number & mask == network for width, network, mask in self._ranges
        )

    def trusts_peer(self, peer: str) -> bool:
        """Whether the connection itself comes from a trusted proxy; empty: no address."""
        if not self:
            return False
        if not peer:
            return self._trusts_unix
        address = packed_address(peer)
        return address is not None and self.holds(address)


def client_address(peer: str, headers: Headers, name: bytes, trusted: Networks) -> bytes | None:
    """Say whose request it is.

    Args:
        peer: the connection's own address as the server gives it; empty for a Unix socket.
        headers: the request's pairs; read only where the peer is trusted.
        name: lower-case name of the one header that the proxies write: ``x-forwarded-for``,
            ``forwarded``, or one with a single address such as ``cf-connecting-ip``.
        trusted: the proxies.

    Returns:
        4 or 16 bytes, or None where it cannot be known: ``testclient``, an obfuscated or
        malformed hop, nothing but proxies. Never raises.
    """
    if not trusted.trusts_peer(peer):
        return packed_address(peer) if peer else None
    fields = [value for key, value in headers if key.lower() == name]
    if not fields:
        return None
    elements = _elements(fields, is_quoted=name == FORWARDED)
    for count, element in enumerate(elements):
        if count >= MOST_HOPS or len(element) > _MOST_ELEMENT_CHARS:
            return None
        text = _parameter(element, "for") if name == FORWARDED else element.strip(" \t")
        address = packed_address(text)
        if address is None or not trusted.holds(address):
            return address
    return None


def site_called(
    headers: Headers, name: bytes, trusted: Networks
) -> tuple[str | None, bytes | None]:
    """Say how the visitor called the site, by the word of proxies; call it for a trusted peer only.

    Args:
        headers: the request's pairs.
        name: lower-case name of the header that the proxies write. ``forwarded`` says all of it;
            beside any other one ``X-Forwarded-Proto`` and ``X-Forwarded-Host`` are read, of
            several values the first: each proxy adds its own behind.
        trusted: the proxies.

    Returns:
        ``http`` or ``https``, and the host with its port as ``Host`` has it; None where nobody
        says it, or says it in a way that no browser would. Never raises.
    """
    if name == FORWARDED:
        scheme, host = _site_of(headers, trusted)
    else:
        scheme, host = (_first(headers, b"x-forwarded-" + part) for part in (b"proto", b"host"))
    return (
        scheme.lower() if scheme.lower() in ("http", "https") else None,
        host.encode() if _HOST.fullmatch(host) else None,
    )


_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def _site_of(headers: Headers, trusted: Networks) -> tuple[str, str]:
    """``proto`` and ``host`` of the element that the outermost trusted proxy has written."""
    fields = [value for key, value in headers if key.lower() == FORWARDED]
    for count, element in enumerate(_elements(fields, is_quoted=True)):
        if count >= MOST_HOPS or len(element) > _MOST_ELEMENT_CHARS:
            break
        address = packed_address(_parameter(element, "for"))
        if address is None or not trusted.holds(address):
            return _parameter(element, "proto"), _parameter(element, "host")
    return "", ""


def _first(headers: Headers, name: bytes) -> str:
    for key, value in headers:
        if key.lower() == name:
            return value[:_MOST_ELEMENT_CHARS].partition(b",")[0].strip().decode("latin-1")
    return ""


def sole_header(headers: Headers, name: bytes) -> str:
    """The value of a header that a proxy writes once; empty where there is none, or several."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0][:64].decode("latin-1").strip() if len(values) == 1 else ""


def _elements(fields: Sequence[bytes], *, is_quoted: bool) -> Iterator[str]:
    """The list's elements from the last to the first, over all fields, a few at a time.

    A comma inside quotes does not divide: seen from the right, quotes before it are uneven.
    """
    for field in reversed(fields):
        pieces = field.rsplit(b",", MOST_HOPS * 2)
        held = ""
        for piece in reversed(pieces):
            text = piece.decode("latin-1")
            held = f"{text},{held}" if held else text
            if is_quoted and held.count('"') % 2 and len(held) <= _MOST_ELEMENT_CHARS:
                continue
            yield held
            held = ""
        if held:
            yield held


def _parameter(element: str, name: str) -> str:
    """One parameter of a forwarded-element, unquoted; empty where there is none, or two."""
    found = ""
    for pair in element.split(";"):
        key, _, value = pair.strip(" \t").partition("=")
        if key.lower() == name:
            if found:
                return ""
            found = value
    if found[:1] == '"':
        found = found[1:-1] if len(found) > 1 and found[-1] == '"' else ""
    return found
