"""Owns whose a host is: the table of declared hosts; never knows who may be contacted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from consentgate.domain.policy.policy import Policy
from consentgate.formats.urls.addresses import Address, address_of

Owners = list[tuple[str, tuple[str, ...]]]
"""Path prefix to the keys of its services, the longest first."""


class HostTable:
    """Finds the services that an address belongs to.

    The longest path prefix wins, then the exact host, then the nearest parent domain. Services
    that share a place share it: it takes all of them to be granted (STO-17).
    """

    def __init__(self, policy: Policy) -> None:
        self._exact: dict[str, Owners] = {}
        self._below: dict[str, Owners] = {}
        for service in policy.services:
            for pattern in (*service.hosts, *service.sockets):
                table = self._below if pattern.includes_subdomains else self._exact
                owners = dict(table.get(pattern.host, []))
                keys = owners.get(pattern.path_prefix, ())
                owners[pattern.path_prefix] = (*keys, service.key)
                table[pattern.host] = sorted(owners.items(), key=lambda item: -len(item[0]))

    def find(self, address: Address) -> tuple[str, ...]:
        """The services an address belongs to; empty: nobody declared it."""
        best: tuple[str, ...] = ()
        longest = 0
        for owners in self._owners(address.host):
            for prefix, keys in owners:
                if len(prefix) > longest and _covers(prefix, address):
                    best, longest = keys, len(prefix)
        return best

    def services_of(self, url: bytes) -> tuple[str, ...]:
        """The services an absolute address in a header belongs to; empty: nobody's."""
        address = address_of(url.decode("utf-8", "replace"))
        return self.find(address) if address is not None else ()

    def on(self, host: str) -> frozenset[str]:
        """Every service that has something on the host, whatever the path."""
        return frozenset(key for owners in self._owners(host) for _, keys in owners for key in keys)

    def is_declared_whole(self, host: str) -> bool:
        """Whether every path of the host belongs to some service."""
        return any(prefix == "/" for owners in self._owners(host) for prefix, _ in owners)

    def _owners(self, host: str) -> Iterator[Owners]:
        if host in self._exact:
            yield self._exact[host]
        while host:
            if host in self._below:
                yield self._below[host]
            host = host.partition(".")[2]


def _covers(prefix: str, address: Address) -> bool:
    """Whether an address lies below a path prefix, or asks it for what the prefix names.

    One address serves several products where an id tells them apart: ``/gtag/js?id=AW-`` is that
    path with a field that begins so, among whichever others.
    """
    path, mark, field = prefix.partition("?")
    if not mark:
        return address.path.startswith(prefix)
    fields = unquote(address.query).split("&")
    return address.path == path and any(one.startswith(field) for one in fields)
