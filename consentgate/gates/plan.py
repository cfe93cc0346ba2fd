"""Owns all that follows from a policy alone, prepared once for the request path."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from consentgate.domain.policy.fingerprints import Meaning, meaning_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import Signals
from consentgate.gates.declared.cookies import Declared, NameTable
from consentgate.gates.declared.expiry import expiry_lines
from consentgate.gates.declared.hosts import HostTable
from consentgate.gates.declared.strangers import Strangers
from consentgate.memo import Memo, up_to

_MOST_NAMES = 4_096
_MOST_NAME_BYTES = 256
_MOST_EXPIRIES = 1_024
_MOST_EXPIRED_BYTES = 256
Expired = tuple[bytes, str, str, bool]
"""Name of a cookie, ``Host`` field, path as sent, whether over HTTPS."""


class Plan:
    """The policy, prepared for the request path."""

    def __init__(self, policy: Policy, *, is_gated: bool = True) -> None:
        """Prepare.

        Args:
            policy: what the site declares.
            is_gated: whether anything of a request or an answer is gated.
        """
        self.policy = policy
        self.is_gated = is_gated
        self.meaning: Meaning = meaning_of(policy)
        """What purposes and services mean today."""
        self.leaves_pages = _leaves_pages(policy)
        """Whether nothing can be denied and nothing is drawn: pages pass as the app sent them."""
        self.has_collectors = any(service.collectors for service in policy.services)
        """Whether any service collects at a path of the site itself."""
        self.is_logged = bool(policy.log.directory)
        """Whether visits get a record in the site log."""
        self.tells_always = policy.signals.tk == "always"
        """Whether every answer says where the tracking status is told."""
        self.token_names = _token_names(policy)
        """Name of the token's cookie over HTTP, and over HTTPS."""
        self.once_names = (self.token_names[0] + b"_once", self.token_names[1] + b"_once")
        """Name of the cookie for what is granted for one browser session, likewise."""
        self.news_names = (self.token_names[0] + b"-news", self.token_names[1] + b"-news")
        """Names of the cookie of who has read of a change to come, as the token's."""
        self.own_names = frozenset((*self.token_names, *self.once_names, *self.news_names))
        """Names of our own cookies, with and without ``__Host-``."""
        table = NameTable(policy.services)
        self.declared: Memo[bytes, Declared | None] = Memo(
            table.find, _MOST_NAMES, is_small=up_to(_MOST_NAME_BYTES)
        )
        """Cookie name, bytes as on the wire, to who declared it; None: nobody."""
        self.expiries: Memo[Expired, Sequence[bytes]] = Memo(
            self._expiry_lines, _MOST_EXPIRIES, is_small=up_to(_MOST_EXPIRED_BYTES)
        )
        """What the lines that expire a cookie depend on, to the lines."""
        settings = policy.signals
        self._is_gpc_heard = settings.gpc == "everywhere"
        self._is_gpc_binding = settings.gpc == "binding"
        self._is_dnt_heard = settings.dnt == "everywhere"

    def _expiry_lines(self, expired: Expired) -> Sequence[bytes]:
        name, host, path, is_secure = expired
        declared = self.declared[name]
        pattern = declared.pattern if declared is not None else None
        return expiry_lines(name, pattern, host, path, is_secure)

    @cached_property
    def hosts(self) -> HostTable:
        """Whose an address is."""
        return HostTable(self.policy)

    @cached_property
    def strangers(self) -> Strangers:
        """Whose an address is not."""
        return Strangers(self.policy, self.hosts)

    def honoured(self, signals: Signals, regime: Regime) -> Signals:
        """What of a browser's signals counts under this policy: by default all, everywhere."""
        has_gpc = self._is_gpc_heard or (self._is_gpc_binding and regime.is_gpc_binding)
        if has_gpc and self._is_dnt_heard:
            return signals
        return Signals(
            signals.gpc and has_gpc, signals.dnt and self._is_dnt_heard, signals.prefetch
        )


def _leaves_pages(policy: Policy) -> bool:
    site = policy.site
    is_drawn = site.banner != "none" or site.consent_mode or policy.log.events or policy.announces
    is_held = policy.optional_purposes or site.csp != "off" or site.personal_urls != "pass"
    return not is_drawn and not is_held and site.unknown_hosts != "block"


def _token_names(policy: Policy) -> tuple[bytes, bytes]:
    name = policy.site.token_name.encode()
    return name, b"__Host-" + name
