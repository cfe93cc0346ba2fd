"""Owns what the journal's lines add up to: each request as it stands now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from consentgate.domain.days import day_of
from consentgate.domain.rights.requests import Ask, Fate, acknowledge_by, clock_of
from consentgate.rights.journal import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as it stands."""

    reference: str
    ask: Ask
    received: dt.date
    due: dt.date
    """The last day for an answer."""
    acknowledge: dt.date | None
    """The last day to confirm that it came in."""
    regime: str
    language: str
    by: str
    who: tuple[str, ...]
    """Whom it is about, as the journal calls them."""
    issuer: str = ""
    """Who makes a legal demand; empty for a visitor's own request."""
    scope: str = ""
    """What a demand asks for."""
    is_barred: bool = False
    """Whether the visitor may not be told of a demand."""
    passed: tuple[str, ...] = ()
    """Points of the checklist that a demand has passed."""
    is_notified: bool = False
    """Whether the visitor was told of a demand."""
    objections: tuple[str, ...] = ()
    extended: str = ""
    """Why more time was taken; empty: it was not."""
    fate: Fate = Fate.OPEN
    why: str = ""
    closed: dt.date | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits for an answer."""
        return self.fate in (Fate.OPEN, Fate.HELD)

    def is_late(self, today: dt.date) -> bool:
        """Whether the time for an answer is over."""
        return self.is_open and today > self.due


def told(entries: Iterable[Entry]) -> list[Request]:
    """Every request that lines tell of, oldest first."""
    found: dict[str, Request] = {}
    for entry in entries:
        act, reference = entry["act"], entry.get("request", "")
        if act == "opened":
            found[reference] = _opened(entry)
        elif reference in found and act == "extended":
            due = dt.date.fromisoformat(entry["due"])
            found[reference] = replace(found[reference], extended=entry["why"], due=due)
        elif reference in found and act == "closed":
            found[reference] = replace(
                found[reference],
                fate=Fate(entry["fate"]),
                why=entry["why"],
                closed=day_of(entry["at"]),
            )
        elif reference in found and act == "checked":
            found[reference] = _checked(found[reference], entry)
    return list(found.values())


def _checked(request: Request, entry: Entry) -> Request:
    """A demand after somebody looked at it."""
    return replace(
        request,
        passed=tuple(sorted({*request.passed, *entry["passed"]})),
        is_notified=request.is_notified or entry["notified"],
        objections=(*request.objections, *filter(None, [entry["objection"]])),
    )


def _opened(entry: Entry) -> Request:
    received = day_of(entry["at"])
    return Request(
        reference=entry["request"],
        ask=Ask(entry["ask"]),
        received=received,
        due=dt.date.fromisoformat(entry["due"]),
        acknowledge=acknowledge_by(received, clock_of(entry["regime"])),
        regime=entry["regime"],
        language=entry["language"],
        by=entry["by"],
        who=tuple(entry["who"]),
        issuer=entry.get("issuer", ""),
        scope=entry.get("scope", ""),
        is_barred=bool(entry.get("barred", False)),
    )
