"""Owns how a policy writes lifetimes: seconds, or a number of days, months or years."""

from __future__ import annotations

_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_629_800,
    "year": 31_557_600,
}


def seconds_of(lifetime: int | str | None) -> int | None:
    """A lifetime in seconds; None where none is declared."""
    if lifetime is None or isinstance(lifetime, int):
        return lifetime
    count, _, unit = lifetime.partition(" ")
    return int(count) * _UNITS[unit.removesuffix("s")]
