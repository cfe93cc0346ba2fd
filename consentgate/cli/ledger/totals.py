"""``consentgate ledger totals``: counts choices by day, notice, regime, method and purpose."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping

from consentgate.cli.ledger.opening import add_ledger, ledger_of
from consentgate.ledger.totals import Totals, totals_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    parser.add_argument("--since", type=_day, metavar="DAY", help="first day, UTC: 2026-11-01")
    parser.add_argument("--until", type=_day, metavar="DAY", help="last day, UTC")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def _day(text: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)


def run(options: argparse.Namespace) -> int:
    """Count and report."""
    ledger, _ = ledger_of(options)
    until = options.until + dt.timedelta(days=1) if options.until else None
    totals = totals_of(
        ledger.events(),
        first_ms=_ms(options.since) if options.since else 0,
        last_ms=_ms(until) if until else None,
    )
    print(json.dumps(totals.document(), indent=2) if options.json else "\n".join(_lines(totals)))
    return 0


def _ms(at: dt.datetime) -> int:
    return int(at.timestamp()) * 1_000


def _lines(totals: Totals) -> Iterator[str]:
    yield f"{totals.events} choices: {_told(totals.kinds)}"
    tables: Mapping[str, Mapping[str, Counter[str]]] = {
        "purpose": totals.purposes,
        "day": totals.days,
        "regime": totals.regimes,
        "method": totals.methods,
        "notice": totals.notices,
    }
    for name, table in tables.items():
        yield ""
        yield from (f"{name} {key}: {_told(sums)}" for key, sums in sorted(table.items()))


def _told(sums: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(sums.items())) or "none"
