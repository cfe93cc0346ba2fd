"""Owns the access record: which field the site log may hold, in which tier, and why.

A new field is one row of FIELDS; builders, files, exports, ``log fields`` and docs walk the table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

SCHEMA = "cg1"
"""Name of this shape; the first line of every segment says it."""


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


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the access record."""

    name: str
    tiers: frozenset[Tier]
    purpose: str
    """The analyst's question that it answers."""
    minimiser: str
    """What is done to the fact before it is written."""
    kind: Kind = Kind.TEXT


_ALL = frozenset(Tier)
_PEOPLE = frozenset((Tier.OPERATIONAL, Tier.STATISTICS, Tier.LONGITUDINAL))
_GRANTED = frozenset((Tier.STATISTICS, Tier.LONGITUDINAL))
_NAMED = _GRANTED | {Tier.BOT}
_OPERATIONAL = frozenset((Tier.OPERATIONAL,))
_BOT = frozenset((Tier.BOT,))
_NUMBER, _FLAG = Kind.NUMBER, Kind.FLAG

FIELDS: tuple[Field, ...] = (
    Field("ts", _ALL, "when", "UTC; the hour in T0, else the minute"),
    Field("tier", _ALL, "why there are these fields and no others", "T0, T1, T2 or TB"),
    Field("v", _ALL, "which policy decided", "the policy's label"),
    Field("method", _ALL, "how the page was asked for", "unknown methods are _OTHER"),
    Field("route", _ALL, "which page or feature", "the template, never the address"),
    Field("path", _NAMED, "which page exactly", "no query; what identifies is replaced"),
    Field("q", _GRANTED, "which campaign", "declared query fields, scrubbed", Kind.TABLE),
    Field("paid", _GRANTED, "whether an advertisement led here", "a click id was there", _FLAG),
    Field("status", _ALL, "whether it worked", "as sent", _NUMBER),
    Field("bytes", _ALL, "how much was sent", "two significant digits", _NUMBER),
    Field("dur_us", _ALL, "how long it took", "microseconds, two significant digits", _NUMBER),
    Field("ref", _ALL, "where visits come from", "a class in T0, else the host; never a path"),
    Field("country", _NAMED, "for whom to translate, ship and price", "ISO 3166-1, no finer"),
    Field("lang", _GRANTED, "which language to translate to next", "primary subtag"),
    Field("browser", _GRANTED, "which browsers to support", "family"),
    Field("bmaj", _GRANTED, "which versions to support", "major version"),
    Field("os", _GRANTED, "which systems to support", "family"),
    Field("device", _PEOPLE, "which screens to design for", "desktop, mobile, tablet, other"),
    Field("bot", _BOT, "who crawls", "the name it gives itself"),
    Field("bot_kind", _BOT, "why it crawls", "search-engine, ai-crawler, seo …"),
    Field("suspect", _PEOPLE, "which hits to leave out", "no browser sends such headers", _FLAG),
    Field("entry", _PEOPLE, "how many visits", "true where one begins; no identifier", _FLAG),
    Field("visitor", _GRANTED, "how many visitors a day", "keyed, the key is gone tomorrow"),
    Field("subject", frozenset((Tier.LONGITUDINAL,)), "who returns", "keyed by month; erasable"),
    Field("event", _GRANTED, "which feature is used", "declared names only"),
    Field("props", _GRANTED, "how it is used", "three declared values at most", Kind.TABLE),
    Field("sig", _OPERATIONAL, "how many browsers send GPC or DNT", "the signal", Kind.LIST),
    Field("err", _OPERATIONAL, "whether records are whole", "min: it could not be minimised"),
)
"""Every field there is; what is not here never reaches the site log."""

NAMES = tuple(field.name for field in FIELDS)

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


def names_of(tier: Tier) -> frozenset[str]:
    """The fields a record of that tier may hold."""
    return frozenset(field.name for field in FIELDS if tier in field.tiers)
