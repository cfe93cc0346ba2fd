"""Owns which hosts are strangers to a site: nobody declared them, and they are not the site's own.

A host below the site's own domain is a stranger until it is named. A collector hides behind such a
name (``metrics.shop.example`` with a CNAME to a tracker's host), and the name does not tell it from
the site's own pictures. Never knows what a visitor permits.
"""

from __future__ import annotations

from consentgate.domain.policy.policy import Policy
from consentgate.formats.urls.addresses import Address, canonical_host
from consentgate.gates.declared.hosts import HostTable
from consentgate.memo import remember, up_to

_NAMESPACE_HOST = "www.w3.org"
_NAMESPACES = frozenset(
    ("/2000/svg", "/1999/xhtml", "/1999/xlink", "/1998/Math/MathML", "/XML/1998/namespace")
)
"""Paths of names that drawings and formulas are made with; no browser asks for them."""


class Strangers:
    """Finds the hosts that neither the policy nor the site's owner has named."""

    def __init__(self, policy: Policy, table: HostTable) -> None:
        self._table = table
        own = [name.strip().lower().rstrip(".") for name in policy.site.same_party]
        self._own = frozenset(name for name in own if not name.startswith("*."))
        self._below_own = tuple(name[1:] for name in own if name.startswith("*."))

    def is_own(self, host: str) -> bool:
        """Whether the policy names the host as the controller's own."""
        return host in self._own or host.endswith(self._below_own)

    def may_be(self, host: str) -> bool:
        """Whether anything at the host is a stranger's.

        A name without a dot is a computer of the operator's own network: nobody outside can have
        one (ICANN forbids dotless domains).
        """
        is_outside = "." in host or host.startswith("[")
        return is_outside and not self.is_own(host) and not self._table.is_declared_whole(host)

    def holds(self, address: Address) -> bool:
        """Whether the address is a stranger's."""
        if address.host == _NAMESPACE_HOST and address.path in _NAMESPACES:
            return False
        return self.may_be(address.host) and not self._table.find(address)


@remember(256, is_small=up_to(300))
def host_in(field: bytes) -> str:
    """The host that a ``Host`` field names, as a browser looks it up; empty: none."""
    authority = field.decode("latin-1").strip()
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return canonical_host(authority.partition(":")[0])
