"""Owns what one outcome denies of a page of one host: declared services, and strangers.

Which services are denied is the same on every host; who is a stranger depends on whose page it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from consentgate.formats.html.element import UNDECLARED
from consentgate.formats.urls.addresses import Address
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.gates.pages.beacons import MOST_HOST_BYTES, MOST_HOSTS, Verdicts, verdicts_of
from consentgate.memo import Memo, up_to

_MOST_SITES: Final = 16
"""Hosts that one outcome is remembered for: whoever asks can make them up."""


class SiteVerdicts:
    """A judge for the rewriter: what is denied to a page of one host."""

    def __init__(self, verdicts: Verdicts, is_blocking: bool, own: str) -> None:
        """Prepare, once for each outcome and host.

        Args:
            verdicts: what the outcome denies of what is declared.
            is_blocking: whether strangers are held, or only noted.
            own: the host that the page comes from.
        """
        self._verdicts = verdicts
        self._strangers = verdicts.strangers
        self._is_blocking = is_blocking
        self._own = own
        self._noted: dict[str, None] = {}
        self._fresh: list[str] = []
        self.hosts = Memo(self._may_be_denied, MOST_HOSTS, is_small=up_to(MOST_HOST_BYTES))
        """Whether a host may be denied, by its bytes as they stand in a page."""
        self.signatures = verdicts.signatures
        """What the inline scripts of denied services are known by."""
        self.denied_marks = verdicts.denied_marks

    def _may_be_denied(self, raw: bytes) -> bool:
        found = self._verdicts.classified[raw]
        return found if isinstance(found, bool) else found != {self._own}

    def denied(self, address: Address, url: str, *, is_loaded: bool = True) -> tuple[str, ...]:
        """The denied services the address belongs to; UNDECLARED: nobody's; empty: it passes."""
        keys = self._verdicts.denied(address, url)
        if keys or not is_loaded or not self._is_stranger(address):
            return keys
        stranger = self._stranger(address.host)
        return () if stranger is None else (stranger,)

    def knows(self, script: bytes) -> tuple[str, ...]:
        """The denied services whose signature an inline script bears, and UNDECLARED where it
        loads from strangers."""
        keys = self._verdicts.knows(script)
        hosts = [host for host in self._verdicts.loads(script) if host != self._own]
        found = {self._stranger(host) for host in hosts} - {None}
        return (*keys, UNDECLARED) if found else keys

    def take_hosts(self) -> tuple[str, ...]:
        """The strangers that pages named since this was last asked, each once."""
        if not self._fresh:
            return ()
        fresh, self._fresh = self._fresh, []
        return tuple(fresh)

    def _is_stranger(self, address: Address) -> bool:
        return address.host != self._own and self._strangers.holds(address)

    def _stranger(self, host: str) -> str | None:
        if host not in self._noted and len(self._noted) < MOST_HOSTS:
            self._noted[host] = None
            self._fresh.append(host)
        return UNDECLARED if self._is_blocking else None


@once_per_outcome
def _sites(outcome: Outcome) -> Callable[[str], SiteVerdicts]:
    is_blocking = outcome.plan.policy.site.unknown_hosts == "block"
    make = partial(SiteVerdicts, verdicts_of(outcome), is_blocking)
    sites: Memo[str, SiteVerdicts] = Memo(make, _MOST_SITES)
    return sites.__getitem__


def site_verdicts(outcome: Outcome, own: str) -> SiteVerdicts:
    """The outcome's verdicts on pages of one host, made once."""
    return _sites(outcome)(own)
