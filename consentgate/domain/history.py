"""Owns what a subject had permitted at some time, read from the subject's events (REC-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from consentgate.domain.events import Event, State

_NOTHING: Mapping[str, bool] = MappingProxyType({})
_HOLDING = (State.GIVEN, State.RENEWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What held at a time, and by which event."""

    event: Event | None = None
    """The last one before that time; None: nothing had been said."""
    is_expired: bool = False
    purposes: Mapping[str, bool] = field(default_factory=lambda: _NOTHING)
    """What was granted and refused; nothing is granted once it was withdrawn or has expired."""
    services: Mapping[str, bool] = field(default_factory=lambda: _NOTHING)


def state_at(events: Iterable[Event], at_ms: int) -> Standing:
    """Say what one subject's events amount to at a time.

    Args:
        events: of one subject, in any order.
        at_ms: milliseconds since the epoch, UTC; an event of that very moment counts.
    """
    before = [event for event in events if event.at_ms <= at_ms]
    if not before:
        return Standing()
    # Of two events of one moment the later row counts: max() would take the first.
    last = sorted(before, key=lambda event: event.at_ms)[-1]
    is_expired = 0 < last.expires_ms <= at_ms
    if last.state not in _HOLDING or is_expired:
        return Standing(
            event=last,
            is_expired=is_expired,
            purposes=MappingProxyType(dict.fromkeys(last.purposes, False)),
        )
    return Standing(event=last, purposes=last.purposes, services=last.services)
