"""Owns sums over the ledger: how often what was said, by day, notice, regime and purpose.

No sum names a visitor: ids and subjects are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from consentgate.domain.days import day_of
from consentgate.domain.events import Event

GRANTED, REFUSED = "granted", "refused"


@dataclass(slots=True)
class Totals:
    """What was counted; the inner key is the kind of event, or the verdict for a purpose."""

    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    notices: dict[str, Counter[str]] = field(default_factory=dict)
    regimes: dict[str, Counter[str]] = field(default_factory=dict)
    methods: dict[str, Counter[str]] = field(default_factory=dict)
    purposes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count one event."""
        kind = event.kind.value
        self.events += 1
        self.kinds[kind] += 1
        for sums, name in (
            (self.days, day_of(event.at_ms // 1_000).isoformat()),
            (self.notices, event.notice_hash),
            (self.regimes, event.regime),
            (self.methods, event.method),
        ):
            sums.setdefault(name, Counter())[kind] += 1
        for purpose, is_granted in event.purposes.items():
            verdict = GRANTED if is_granted else REFUSED
            self.purposes.setdefault(purpose, Counter())[verdict] += 1

    def document(self) -> dict[str, Any]:
        """All of it as JSON."""
        tables = ("days", "notices", "regimes", "methods", "purposes")
        return {
            "events": self.events,
            "kinds": dict(sorted(self.kinds.items())),
            **{
                name: {key: dict(sorted(sums.items())) for key, sums in sorted(table.items())}
                for name, table in ((name, getattr(self, name)) for name in tables)
            },
        }


def totals_of(events: Iterable[Event], *, first_ms: int = 0, last_ms: int | None = None) -> Totals:
    """Count events of a span of time.

    Args:
        events: of a ledger.
        first_ms: earliest moment that counts.
        last_ms: first moment that does not count any more; None: no end.
    """
    totals = Totals()
    for event in events:
        if event.at_ms >= first_ms and (last_ms is None or event.at_ms < last_ms):
            totals.add(event)
    return totals
