"""Owns what a visitor's request is, by when it is answered, and what is asked of a legal demand.

Never knows where requests are kept.
"""

from __future__ import annotations

import calendar
import datetime as dt
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from consentgate.domain.events import Event, State
from consentgate.domain.policy.policy import Policy, Service


class Ask(enum.StrEnum):
    """What is asked for."""

    ACCESS = "access"
    ERASURE = "erasure"
    CORRECTION = "correction"
    DEMAND = "demand"
    """Somebody else asks: a court, an authority, a party to a dispute."""


class Fate(enum.StrEnum):
    """What has become of a request."""

    OPEN = "open"
    ANSWERED = "answered"
    DENIED = "denied"
    HELD = "held"
    """It waits for the end of a hold."""


class Clock(NamedTuple):
    """How long a law gives for an answer (DSR-03)."""

    name: str
    months: int = 0
    days: int = 0
    more_months: int = 0
    more_days: int = 0
    acknowledge_days: int = 0
    """Business days in which the request is confirmed; 0: none are prescribed."""


GDPR = Clock("GDPR 12(3)", months=1, more_months=2)
CCPA = Clock(
    "Cal. Civ. Code 1798.130(a)(2), 11 CCR 7021", days=45, more_days=45, acknowledge_days=10
)
KVKK = Clock("KVKK 13(2)", days=30)
CLOCKS: Mapping[str, Clock] = {"US": CCPA, "TR": KVKK}
"""First part of a regime's code to its clock; everybody else has the GDPR's."""


def clock_of(regime: str) -> Clock:
    """The clock of a request from a place, by the regime's code such as ``US-CA``."""
    return CLOCKS.get(regime.partition("-")[0], GDPR)


def due(received: dt.date, clock: Clock, *, is_extended: bool = False) -> dt.date:
    """The last day for an answer.

    A month ends on the day of the same number, or on the month's last (Regulation 1182/71, 3(2)).
    """
    months = clock.months + (clock.more_months if is_extended else 0)
    days = clock.days + (clock.more_days if is_extended else 0)
    return _months_later(received, months) + dt.timedelta(days=days)


def acknowledge_by(received: dt.date, clock: Clock) -> dt.date | None:
    """The last day to confirm that a request came in; None: no law asks for it."""
    day, left = received, clock.acknowledge_days
    while left:
        day += dt.timedelta(days=1)
        left -= day.weekday() < 5
    return day if clock.acknowledge_days else None


def _months_later(day: dt.date, months: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(
        year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1])
    )


CHECKLIST: Mapping[str, str] = {
    "named": "it names one person; a demand for everybody's data is refused",
    "form": "it has the form that the law asks for: in writing, signed, with its legal basis",
    "issuer": "the issuer was called back under a number that is not on the demand",
    "scope": "it says which data and which time, and asks for no more than it needs",
    "ours": "the data is ours; data of a third party is asked for at that party",
}
"""What a legal demand is checked against before anything leaves."""


def unmet(checked: Iterable[str]) -> list[str]:
    """The points of the checklist that a demand has not passed."""
    passed = set(checked)
    return [key for key in CHECKLIST if key not in passed]


class Interval(NamedTuple):
    """A time in which a service was enabled for one visitor (TPD-09)."""

    service: str
    from_ms: int
    until_ms: int | None
    """None: it still is."""


_HOLDING = (State.GIVEN, State.RENEWED)


def intervals(policy: Policy, events: Sequence[Event], now_ms: int) -> list[Interval]:
    """When each optional service was enabled, as the events of one visitor say it.

    Args:
        policy: which services there are, and what they serve.
        events: of one visitor, in any order.
        now_ms: milliseconds since the epoch.
    """
    ordered = sorted(events, key=lambda event: event.at_ms)
    found: list[Interval] = []
    necessary = {purpose.key for purpose in policy.purposes if purpose.is_necessary}
    for service in policy.services:
        if necessary.issuperset(service.purposes):
            continue
        since: int | None = None
        ends = 0
        for event in ordered:
            if since is not None and 0 < ends <= event.at_ms:
                found.append(Interval(service.key, since, ends))
                since = None
            if _enables(event, service, necessary):
                since = event.at_ms if since is None else since
                ends = event.expires_ms
            elif since is not None:
                found.append(Interval(service.key, since, event.at_ms))
                since = None
        if since is not None:
            is_over = 0 < ends <= now_ms
            found.append(Interval(service.key, since, ends if is_over else None))
    return found


def _enables(event: Event, service: Service, necessary: set[str]) -> bool:
    """Whether a choice lets a service run: what was said of it alone goes first."""
    if event.state not in _HOLDING:
        return False
    said = event.services.get(service.key)
    if said is not None:
        return said
    return all(key in necessary or event.purposes.get(key, False) for key in service.purposes)
