"""Owns the access record: which field the site log may hold, in which tier, and why.

A new field is one row of FIELDS; builders, settings and docs walk the table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

SCHEMA = "cg1"


class Tier(enum.StrEnum):
    """How much a record may say; chosen before anything is built."""

    OPERATIONAL = "T0"
    """No statistics purpose: counts the visit, says nothing of the visitor."""
    STATISTICS = "T1"
    """The visitor granted ``statistics`` and no signal opposes it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the access record."""

    name: str
    tiers: frozenset[Tier]
    purpose: str
    """The analyst's question that it answers."""


_BOTH = frozenset(Tier)
_STATISTICS = frozenset((Tier.STATISTICS,))
_OPERATIONAL = frozenset((Tier.OPERATIONAL,))

FIELDS: tuple[Field, ...] = (
    Field("ts", _BOTH, "when: the hour in T0, the minute in T1, UTC"),
    Field("tier", _BOTH, "why there are these fields and no others"),
    Field("v", _BOTH, "policy version that decided"),
    Field("method", _BOTH, "how the page was asked for; unknown methods are _OTHER"),
    Field("route", _BOTH, "which page or feature: the route's template, never the address"),
    Field("path", _STATISTICS, "which page exactly: identifiers in it are replaced"),
    Field("q", _STATISTICS, "which campaign: declared query fields only"),
    Field("status", _BOTH, "whether it worked"),
    Field("bytes", _BOTH, "how much was sent, two significant digits"),
    Field("dur_us", _BOTH, "how long it took, two significant digits, microseconds"),
    Field("ref", _BOTH, "where visits come from: a class in T0, a host in T1"),
    Field("lang", _STATISTICS, "which language to translate to next"),
    Field("entry", _BOTH, "how many visits: true where one begins"),
    Field("sig", _OPERATIONAL, "how many browsers send GPC or DNT"),
    Field("err", _OPERATIONAL, "a record that could not be built in full"),
)
"""Every field there is; what is not here never reaches the site log."""

NAMES = tuple(field.name for field in FIELDS)
