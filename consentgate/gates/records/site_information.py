"""Owns the builder of the access record, and the small minimisers that it needs.

Which fact a field is made of stands in ``domain/record``. A field of T0 has no way to an address,
agent, path or query: a leak there is a type error, not an oversight (LOG-01, LOG-04, LOG-15).
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from consentgate.domain.record import Field, Interest, Operational, Statistics
from consentgate.memo import remember

Record = dict[str, object]

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WS")
)
"""What a record calls by its name; ``WS`` is a WebSocket."""
MOST_ROUTE = 256
"""Characters of a route that a record holds."""


def build_record(
    fields: Iterable[Field],
    facts: Operational,
    more: Statistics | None = None,
    interest: Interest | None = None,
) -> Record:
    """Build a record of the fields of its tier, in their order; what is empty is left out.

    Nothing that is measured is in it: it is of no whole visit.

    Args:
        fields: of the tier, see ``fields_of``.
        facts: what a record of any tier may say.
        more: what the tier permits in addition; None: the tier is T0.
        interest: the sign of interest that the record is of; None: it is of a visit.
    """
    values = ((field.name, value_of(field, facts, more, interest)) for field in fields)
    return {name: value for name, value in values if not is_empty(value)}


def value_of(
    field: Field, facts: Operational, more: Statistics | None, interest: Interest | None
) -> object:
    """Read a field of the facts that it is made of; None where there are none."""
    if more is not None and field.of_visitor is not None:
        return field.of_visitor(more)
    if more is not None and field.of_audience is not None:
        return field.of_audience(more.audience)
    if interest is not None and field.of_interest is not None:
        return field.of_interest(interest)
    return field.of_visit(facts) if field.of_visit is not None else None


def is_empty(value: object) -> bool:
    """Whether a record says nothing of a value; the number 0 is said."""
    return not value and type(value) is not int


def method_name(method: str) -> str:
    """Name a known method; any other is ``_OTHER`` (OpenTelemetry's word for the rest)."""
    return method if method in METHODS else "_OTHER"


@remember(512)
def hour_of(at: int) -> str:
    """Write the hour of a time, UTC, such as ``2026-11-23T21Z`` (LOG-08)."""
    return time.strftime("%Y-%m-%dT%HZ", time.gmtime(at))


@remember(512)
def minute_of(at: int) -> str:
    """Write the minute of a time, UTC, such as ``2026-11-23T21:05Z``."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(at))


def month_of(at: int) -> str:
    """Write the month of a time, UTC, such as ``2026-11``."""
    return time.strftime("%Y-%m", time.gmtime(at))
