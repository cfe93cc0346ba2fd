"""Owns the access record: which field the site log may hold, in which tier, of what, and why.

A new field is one row of FIELDS: builders, ready lines, files, sums, exports and ``log fields``
walk the table. Never knows where the facts come from, nor how a line is written.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consentgate.domain.agents import NO_BROWSER, Bot, Browser
from consentgate.domain.days import hour_text, minute_text
from consentgate.domain.kinds import kind_of

SCHEMA = "cg2"
"""Name of this shape; the first line of every segment says it."""
READ = frozenset(("cg1", SCHEMA))
"""Shapes that are read; a row of an older one is made new as it is read."""


class Tier(enum.StrEnum):
    """How much a record may say; chosen before anything is built."""

    OPERATIONAL = "T0"
    """No statistics purpose: counts the visit, says nothing of the visitor."""
    STATISTICS = "T1"
    """The visitor granted ``statistics`` and no signal opposes it."""
    LONGITUDINAL = "T2"
    """T1, and the visitor granted the purpose of being recognised across days; off by default."""
    BOT = "TB"
    """A declared machine: not a person."""


class Kind(enum.StrEnum):
    """What a field's values are; files and exports follow it."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    LIST = "list"
    TABLE = "table"


class Sums(enum.Enum):
    """What is kept of a field when its rows are deleted."""

    NONE = "none"
    """Nothing."""
    WHOLE = "whole"
    """How many rows have each value: the server's own facts, declared names and machines."""
    FOLDED = "folded"
    """The same, but values of few rows are summed up as one: they are what visitors bring."""


class Amount(enum.IntEnum):
    """What of any visit is measured, and its place in ``Amounts``."""

    BYTES = 0
    """Sent to the visitor."""
    DURATION = 1
    """Microseconds that the answer took."""


Amounts = tuple[int, int]
"""Both, by two significant digits."""


class Operational(NamedTuple):
    """The facts of which a field of any tier may be made: they say nothing of the visitor.

    Many visits share them, so a line is kept ready for each combination.
    """

    hour: int
    """Hours since the epoch."""
    method: str
    route: str
    status: int | None
    referrer_class: str
    device: str
    is_entry: bool
    is_suspect: bool
    signals: tuple[str, ...]
    fault: str = ""
    """Why the record says less than it could; empty: it does not."""
    wants: str = ""
    """What the browser wants the answer for: ``page``, ``asset``, ``api``; empty: unknown."""
    version: str = ""
    """The policy's label."""
    tier: Tier = Tier.OPERATIONAL


Facts = tuple[int, str, str, int | None, str, str, bool, bool, tuple[str, ...], str, str]
"""What of ``Operational`` differs from visit to visit, ``hour`` to ``wants``, in that order: it is
made for each visit, and named only where a line is not ready yet."""


class Audience(NamedTuple):
    """What T1 says of many visitors alike."""

    country: str = ""
    language: str = ""
    browser: Browser = NO_BROWSER


class Asked(NamedTuple):
    """What a query says that may be written of it."""

    fields: Mapping[str, str]
    """Declared fields, scrubbed."""
    is_paid: bool
    """Whether an advertisement led here."""


class Statistics(NamedTuple):
    """The facts that only visitors who granted statistics leave, and machines some of them."""

    amounts: Amounts
    minute: int
    """Minutes since the epoch."""
    referrer: str
    """Host that the visit came from; empty: none, or one of our own."""
    header: Callable[[bytes], str]
    """Gives the first request header of a lower-case name; empty where there is none."""
    path: str
    """Scrubbed."""
    audience: Audience
    asked: Asked | None = None
    """None: the address has no query."""
    visitor: str = ""
    subject: str = ""
    bot: Bot | None = None
    before: str = ""
    """Route of our own page that led here."""


class Interest(NamedTuple):
    """What a declared sign of interest says."""

    event: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the access record, and what it is made of: one of ``of_…``.

    ``of_visit`` and ``of_visitor`` together give a field that says less in T0. An empty value is
    left out; a number is not, though it is 0.
    """

    name: str
    tiers: frozenset[Tier]
    purpose: str
    """The analyst's question that it answers."""
    minimiser: str
    """What is done to the fact before it is written."""
    of_visit: Callable[[Operational], object] | None = None
    of_amount: Amount | None = None
    """What is measured; two significant digits of it are written."""
    of_audience: Callable[[Audience], object] | None = None
    of_query: Callable[[Asked], object] | None = None
    of_visitor: Callable[[Statistics], object] | None = None
    """Used in every tier but T0."""
    of_interest: Callable[[Interest], object] | None = None
    kind: Kind = Kind.TEXT
    sums: Sums = Sums.NONE
    is_common: bool = False
    """Whether few values make most of what is read ``of_visitor``. Their texts are kept in memory,
    so it is never so for what is a visitor's own, such as a path."""

    def __post_init__(self) -> None:
        """Refuse a field of T0 that is made of what only a visitor's grant permits (LOG-15).

        Raises:
            ValueError: it is, or it is made of nothing.
        """
        is_for_all = self.of_visit is not None or self.of_amount is not None
        if Tier.OPERATIONAL in self.tiers and not is_for_all:
            raise ValueError(f"field {self.name!r} is in T0: expected of_visit or of_amount")
        for_some = self.of_audience or self.of_query or self.of_visitor or self.of_interest
        if not (is_for_all or for_some):
            raise ValueError(f"field {self.name!r}: expected one of the readers of_…")


_UNITS = tuple(int("1" + "0" * power) for power in range(64))


def two_digits(number: int) -> int:
    """Keep two significant digits: enough for every percentile, too few for a fingerprint."""
    if number < 1_000:
        kept = number - number % 10 if number >= 100 else number
        return kept if kept > 0 else 0  # max() costs as much as all the rest
    if number < 10_000:
        return number - number % 100
    if number < 100_000:
        return number - number % 1_000
    if number < 1_000_000:
        return number - number % 10_000
    return number - number % _UNITS[len(str(number)) - 2]


_ALL = frozenset(Tier)
_PEOPLE = frozenset((Tier.OPERATIONAL, Tier.STATISTICS, Tier.LONGITUDINAL))
_GRANTED = frozenset((Tier.STATISTICS, Tier.LONGITUDINAL))
_NAMED = _GRANTED | {Tier.BOT}
_OPERATIONAL = frozenset((Tier.OPERATIONAL,))
_LONGITUDINAL = frozenset((Tier.LONGITUDINAL,))
_BOT = frozenset((Tier.BOT,))
_WHOLE, _FOLDED = Sums.WHOLE, Sums.FOLDED

# fmt: off
FIELDS: tuple[Field, ...] = (
    Field("ts", _ALL, "when", "UTC; cut to the hour in T0, else to the minute",
          of_visit=lambda facts: hour_text(facts.hour),
          of_visitor=lambda more: minute_text(more.minute), is_common=True),
    Field("grain", _ALL, "how exact ts is", "hour or minute",
          of_visit=lambda facts: "hour" if facts.tier is Tier.OPERATIONAL else "minute"),
    Field("tier", _ALL, "why there are these fields and no others", "T0, T1, T2 or TB",
          of_visit=lambda facts: facts.tier.value),
    Field("v", _ALL, "which policy decided", "the policy's label",
          of_visit=lambda facts: facts.version),
    Field("method", _ALL, "how the page was asked for", "unknown methods are _OTHER",
          of_visit=lambda facts: facts.method, sums=_WHOLE),
    Field("route", _ALL, "which page or feature", "the template, never the address",
          of_visit=lambda facts: facts.route, sums=_FOLDED),
    Field("kind", _ALL, "which rows are page views", "page, asset, api, form, event or own",
          of_visit=lambda facts: kind_of(facts), sums=_WHOLE),
    Field("prev", _GRANTED, "how visitors go through the site", "the route of the page before",
          of_visitor=lambda more: more.before, sums=_FOLDED, is_common=True),
    Field("path", _NAMED, "which page exactly", "no query; what identifies is replaced",
          of_visitor=lambda more: more.path, sums=_FOLDED),
    Field("q", _GRANTED, "which campaign", "declared query fields, scrubbed",
          of_query=lambda asked: asked.fields, kind=Kind.TABLE),
    Field("paid", _GRANTED, "whether an advertisement led here", "a click id was there",
          of_query=lambda asked: asked.is_paid, kind=Kind.FLAG, sums=_WHOLE),
    Field("status", _ALL, "whether it worked", "as sent",
          of_visit=lambda facts: facts.status, kind=Kind.NUMBER, sums=_WHOLE),
    Field("bytes", _ALL, "how much was sent", "two significant digits",
          of_amount=Amount.BYTES, kind=Kind.NUMBER),
    Field("dur_us", _ALL, "how long it took", "microseconds, two significant digits",
          of_amount=Amount.DURATION, kind=Kind.NUMBER),
    Field("ref_class", _ALL, "what kind of place visits come from",
          "none, internal, search, social, ai or external",
          of_visit=lambda facts: facts.referrer_class, sums=_WHOLE),
    Field("ref_host", _NAMED, "which site visits come from", "the host; never a path",
          of_visitor=lambda more: more.referrer, sums=_FOLDED, is_common=True),
    Field("country", _NAMED, "for whom to translate, ship and price", "ISO 3166-1, no finer",
          of_audience=lambda audience: audience.country, sums=_FOLDED),
    Field("lang", _GRANTED, "which language to translate to next", "primary subtag",
          of_audience=lambda audience: audience.language, sums=_FOLDED),
    Field("browser", _GRANTED, "which browsers to support", "family",
          of_audience=lambda audience: audience.browser.family, sums=_FOLDED),
    Field("bmaj", _GRANTED, "which versions to support", "major version",
          of_audience=lambda audience: audience.browser.major),
    Field("os", _GRANTED, "which systems to support", "family",
          of_audience=lambda audience: audience.browser.os, sums=_FOLDED),
    Field("device", _PEOPLE, "which screens to design for", "desktop, mobile, tablet, other",
          of_visit=lambda facts: facts.device, sums=_FOLDED),
    Field("bot", _BOT, "who crawls", "the name it gives itself",
          of_visitor=lambda more: more.bot and more.bot.name, sums=_WHOLE, is_common=True),
    Field("bot_kind", _BOT, "why it crawls", "search-engine, ai-crawler, seo …",
          of_visitor=lambda more: more.bot and more.bot.kind, sums=_WHOLE, is_common=True),
    Field("suspect", _PEOPLE, "which hits to leave out", "no browser sends such headers",
          of_visit=lambda facts: facts.is_suspect, kind=Kind.FLAG, sums=_WHOLE),
    Field("entry", _PEOPLE, "how many visits", "true where one begins; no identifier",
          of_visit=lambda facts: facts.is_entry, kind=Kind.FLAG, sums=_WHOLE),
    Field("visitor", _GRANTED, "how many visitors a day", "keyed, the key is gone tomorrow",
          of_visitor=lambda more: more.visitor),
    Field("subject", _LONGITUDINAL, "who returns", "keyed by month; erasable",
          of_visitor=lambda more: more.subject),
    Field("event", _GRANTED, "which feature is used", "declared names only",
          of_interest=lambda interest: interest.event, sums=_WHOLE),
    Field("props", _GRANTED, "how it is used", "three declared values at most",
          of_interest=lambda interest: interest.properties, kind=Kind.TABLE),
    Field("sig", _OPERATIONAL, "how many browsers send GPC or DNT", "the signal",
          of_visit=lambda facts: facts.signals, kind=Kind.LIST, sums=_WHOLE),
    Field("err", _OPERATIONAL, "whether records are whole",
          "min: it could not be minimised; busy: too many agents were new at once",
          of_visit=lambda facts: facts.fault, sums=_WHOLE),
)
# fmt: on
"""Every field there is; what is not here never reaches the site log."""

NAMES = tuple(field.name for field in FIELDS)

ALWAYS = frozenset(("ts", "grain", "tier", "v"))
"""What every record says, whatever fields the policy keeps."""

QUERY_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "page")
"""What is kept of a query in ``q``, scrubbed, where the policy does not say."""

NEVER = (
    "address",
    "User-Agent",
    "cookies",
    "Authorization",
    "user name",
    "body",
    "full referrer",
    "query string",
    "ETag",
    "TLS fingerprint",
    "city",
    "network operator",
    "port",
    "exact time",
    "request id",
)
"""What no tier holds, whatever the consent."""


def fields_of(tier: Tier, kept: frozenset[str] = frozenset()) -> tuple[Field, ...]:
    """Give the fields of a record of that tier, in their order.

    Args:
        tier: of the record.
        kept: names of the fields that the policy keeps; empty: all.
    """
    names = kept | ALWAYS if kept else frozenset(NAMES)
    return tuple(field for field in FIELDS if tier in field.tiers and field.name in names)


def names_of(tier: Tier) -> frozenset[str]:
    """The names of the fields that a record of that tier may hold."""
    return frozenset(field.name for field in fields_of(tier))
