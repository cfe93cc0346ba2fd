"""Owns which rules hold for a visitor: client address, place, residence, regime.

Whatever fails on the way leads to the strictest rules; the address is let go of at once.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from ipaddress import ip_address

from starlette.types import Scope

from consentgate.asgi.startup.policy_file import load_regimes
from consentgate.domain.days import DAY_SECONDS, day_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regime_table import RegimeTable, regime_table
from consentgate.domain.regimes import NOWHERE, Place, Regime, place_of
from consentgate.formats.headers.forwarded import (
    Networks,
    client_address,
    site_called,
    sole_header,
)
from consentgate.gates.request import Request, read_request
from consentgate.gates.visitors.visitor import NOT_PLACED, Placed
from consentgate.lookup import PlaceLookup
from consentgate.lookup.places import PlaceDatabase

logger = logging.getLogger("consentgate")

Report = Callable[[str, str], None]
Age = int | tuple[int, int]
"""Years, or the lowest and highest year of a band."""
AgeOf = Callable[[Scope], Age | None]
"""Gives a visitor's age where the app knows it; None: not known."""
ResidenceOf = Callable[[Scope], str | None]
"""Gives the place an account declares, such as ``US-CA``; None: not known."""


_NEVER = 1 << 62


def table_of(policy: Policy) -> RegimeTable:
    """The shipped table with the policy's overrides, floor and establishment."""
    settings = policy.regimes
    return regime_table(
        load_regimes(),
        settings.overrides,
        floor=settings.floor,
        establishment=policy.controller.country if settings.follows_establishment else "",
        fixed=settings.fixed,
    )


def _forget(part: str, consequence: str) -> None:
    """Report to nobody."""


def _is_private(peer: str) -> bool:
    """Whether an address belongs to no public network."""
    try:
        return ip_address(peer).is_private
    except ValueError:
        return False


class Placing:
    """Finds the regime of a connection."""

    def __init__(
        self,
        policy: Policy,
        *,
        lookup: PlaceLookup | None = None,
        residence_of: ResidenceOf | None = None,
        age_of: AgeOf | None = None,
        report: Report = _forget,
    ) -> None:
        """Open the database that the policy names.

        Args:
            policy: its ``[regimes]`` say where places come from.
            lookup: another source of places than the policy's database.
            residence_of: says where an account lives; only tightens.
            age_of: says how old a visitor is, where the app knows it.
            report: is told, inside the handler, of each failure: which part, and what follows.
        """
        settings = policy.regimes
        self.table = table_of(policy)
        self.lookup = lookup or (
            PlaceDatabase(settings.place_database) if settings.place_database else None
        )
        self._report = report
        self._residence_of = residence_of
        self._age_of = age_of
        self.knows_ages = age_of is not None
        """Whether the app may know how old a visitor is."""
        self._trusted = Networks(settings.trusted_proxies)
        self.has_proxies = bool(self._trusted)
        """Whether the word of any proxy is believed."""
        self._client_header = settings.client_header.lower().encode("latin-1")
        self._country_header = settings.country_header.lower().encode("latin-1")
        self._region_header = settings.region_header.lower().encode("latin-1")
        has_source = self.lookup is not None or bool(self._country_header)
        self._needs_place = has_source and not settings.fixed
        self._is_alike = not self._needs_place and residence_of is None
        self._is_proxy_told = False
        self._day = (-1, dt.date.min)
        self._alike, self._alike_from = NOT_PLACED, _NEVER

    def regime_of(self, scope: Scope, now: int) -> Regime:
        """The rules of the visitor's place; UNKNOWN where anything fails. Never raises."""
        return self.placed(scope, read_request(scope), now)[0]

    def placed(self, scope: Scope, request: Request, now: int) -> Placed:
        """The rules of the visitor's place, and its country. Never raises.

        Args:
            scope: of any connection with headers; for the app's own functions alone.
            request: what was read of it.
            now: whole seconds since the epoch.

        Returns:
            UNKNOWN where anything fails; None for a country that was not looked up.
        """
        if self._alike_from <= now < self._alike_from + DAY_SECONDS:
            return self._alike
        try:
            place = self.place_of(request) if self._needs_place else NOWHERE
            regime = self.table.regime(place, self._day_of(now), self._residence(scope))
        except Exception:
            self._report("place", "the strictest rules hold")
            return NOT_PLACED
        if not self._is_alike:
            return regime, place.country if self._needs_place else None
        self._alike, self._alike_from = (regime, None), now - now % DAY_SECONDS
        return self._alike

    def is_minor(self, scope: Scope, regime: Regime) -> bool:
        """Whether the app knows the visitor to be below the regime's age. Never raises.

        A band counts by its lowest year; an age that cannot be told is a minor's.
        """
        if self._age_of is None:
            return False
        try:
            age = self._age_of(scope)
            if age is None:
                return False
            return (age if isinstance(age, int) else min(age)) < regime.minor_age
        except Exception:
            self._report("age", "the visitor counts as a minor")
            return True

    def place_of(self, request: Request) -> Place:
        """Where the visitor is, by a trusted proxy's word or by the database."""
        client, headers = request.client, request.headers
        peer = client[0] if client else ""
        if self._country_header and self._trusted.trusts_peer(peer):
            region = sole_header(headers, self._region_header) if self._region_header else ""
            place = place_of(sole_header(headers, self._country_header), region)
            if place != NOWHERE:
                return place
        if self.lookup is None:
            return NOWHERE
        address = self.client_of(request)
        return self.lookup.find(address) if address is not None else NOWHERE

    def client_of(self, request: Request) -> bytes | None:
        """The client's address by trusted proxies' word; None where it is not known."""
        client = request.client
        peer = client[0] if client else ""
        return client_address(peer, request.headers, self._client_header, self._trusted)

    def see_through(self, request: Request) -> None:
        """Have a request say how the visitor called the site, where a trusted proxy tells."""
        client = request.client
        if self._trusted.trusts_peer(client[0] if client else ""):
            request.call_by(*site_called(request.headers, self._client_header, self._trusted))

    def limited_client_of(self, request: Request) -> bytes | None:
        """The client that a limit counts against; None where it is not known.

        A peer in a private network that forwards for others is a proxy, also where the policy
        names none: what it says of the client is good enough to tell clients apart, and nothing
        else follows from it. The operator is told once.
        """
        client = request.client
        peer = client[0] if client else ""
        if self._trusted or not peer or not _is_private(peer):
            return self.client_of(request)
        told = client_address(peer, request.headers, self._client_header, Networks([peer]))
        if told is None:
            return self.client_of(request)
        if not self._is_proxy_told:
            self._is_proxy_told = True
            logger.warning(
                "consentgate: requests come through a proxy in a private network, which sends %s, "
                "but [regimes] trusted_proxies names none: places and HTTPS are not known, and the "
                "choice's cookie may lack Secure. Name the proxy's network there",
                self._client_header.decode("latin-1"),
            )
        return told

    def _residence(self, scope: Scope) -> Place:
        said = self._residence_of(scope) if self._residence_of is not None else None
        return place_of(said) if said else NOWHERE

    def _day_of(self, now: int) -> dt.date:
        number = now // DAY_SECONDS
        if self._day[0] != number:
            self._day = (number, day_of(now))
        return self._day[1]

    def close(self) -> None:
        """Let go of the database."""
        if self.lookup is not None:
            self.lookup.close()
