"""Owns whether what a visit saw was granted: by the policy, and by what is known of services."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consentgate.cli.audit.visits import Asked, Stored, Visit, is_own
from consentgate.domain.policy.policy import Match, Policy, Service
from consentgate.domain.policy.purposes import NECESSARY

_OWN = frozenset(("choices", "__Host-choices", "choices_once", "__Host-choices_once"))
"""Names under which a gate keeps the choice itself, unless a policy names others."""
_OTHERS = frozenset(("cc_cookie", "klaro", "OptanonConsent", "CookieConsent", "cookieyes-consent"))
"""Where other tools keep it: necessary to remember the answer."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whose a host or a stored item is."""

    key: str
    name: str
    purposes: tuple[str, ...]
    is_declared: bool
    """Whether the policy says it, not the catalogue."""

    @property
    def is_necessary(self) -> bool:
        """Whether it needs no grant."""
        return self.purposes == (NECESSARY,)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that happened and that nobody had granted."""

    visit: str
    kind: str
    """``host``, ``cookie``, ``local`` or ``session``."""
    name: str
    why: str


class Known:
    """What a policy and the catalogue know of hosts and stored items."""

    def __init__(self, policy: Policy | None, catalogue: Mapping[str, Mapping[str, Any]]) -> None:
        """Prepare.

        Args:
            policy: of the site; None: only the catalogue is asked.
            catalogue: known services by key.
        """
        self.policy = policy
        self._catalogue = catalogue

    def of_host(self, asked: Asked) -> Keeper | None:
        """Whose an address is; None: nobody knows."""
        for service in self.policy.services if self.policy else ():
            for pattern in (*service.hosts, *service.sockets):
                covers = pattern.includes_subdomains and asked.host.endswith("." + pattern.host)
                is_host = asked.host == pattern.host or covers
                if is_host and asked.path.startswith(pattern.path_prefix):
                    return _declared(service)
        best: tuple[int, Keeper | None] = (0, None)
        for key, entry in self._catalogue.items():
            for written in entry.get("hosts", ()):
                length = _length(written, asked)
                if length > best[0]:
                    best = (length, _known(key, entry))
        return best[1]

    def of_item(self, stored: Stored) -> Keeper | None:
        """Whose a cookie or storage key is; None: nobody knows."""
        for service in self.policy.services if self.policy else ():
            items = (
                service.cookies
                if stored.kind == "cookie"
                else [one for one in service.storage if one.kind.value == stored.kind]
            )
            if any(_is_named(one.name, one.match, stored.name) for one in items):
                return _declared(service)
        field = "cookies" if stored.kind == "cookie" else "storage"
        for key, entry in self._catalogue.items():
            for item in entry.get(field, ()):
                name = item if isinstance(item, str) else item["name"]
                is_kind = field == "cookies" or item["kind"] == stored.kind
                if is_kind and len(name.strip("*?")) > 2 and fnmatch.fnmatchcase(stored.name, name):
                    return _known(key, entry)
        return None

    def keeps_choice(self, stored: Stored) -> bool:
        """Whether a cookie holds the visitor's choice itself."""
        token = self.policy.site.token_name if self.policy else "choices"
        own = {token, f"__Host-{token}", f"{token}_once", f"__Host-{token}_once"}
        return stored.name in own | _OWN | _OTHERS


def _length(written: str, asked: Asked) -> int:
    """How much of an address a catalogue's host names; 0: it is another one."""
    host, slash, path = written.partition("/")
    name = host.removeprefix("*.")
    is_host = asked.host == name or (host[:2] == "*." and asked.host.endswith("." + name))
    return len(written) + 1 if is_host and (not slash or asked.path.startswith("/" + path)) else 0


def _is_named(name: str, match: Match, stored: str) -> bool:
    if match is Match.EXACT:
        return stored == name
    return stored.startswith(name) if match is Match.PREFIX else fnmatch.fnmatchcase(stored, name)


def _declared(service: Service) -> Keeper:
    return Keeper(service.key, service.title, service.purposes, is_declared=True)


def _known(key: str, entry: Mapping[str, Any]) -> Keeper:
    return Keeper(key, entry.get("name", key), tuple(entry["purposes"]), is_declared=False)


def findings_of(visit: Visit, known: Known) -> Iterator[Finding]:
    """Everything that happened in a visit without a grant; after a grant, nothing is judged."""
    if visit.grants:
        return
    told: set[str] = set()
    for asked in visit.asked:
        keeper = known.of_host(asked)
        if asked.host not in told and not (keeper and keeper.is_necessary):
            told.add(asked.host)
            yield Finding(visit.name, "host", asked.host, f"was asked: {_whose(keeper)}")
    for stored in visit.stored:
        keeper = known.of_item(stored)
        if known.keeps_choice(stored) or (keeper and keeper.is_necessary):
            continue
        is_foreign = stored.kind == "cookie" and not is_own(stored.host, visit.host)
        if keeper is not None or is_foreign or known.policy is not None:
            yield Finding(visit.name, stored.kind, stored.name, f"was stored: {_whose(keeper)}")


def _whose(keeper: Keeper | None) -> str:
    if keeper is None:
        return "nobody declared it"
    return f"{keeper.name} serves {' and '.join(keeper.purposes)}"
