"""``consentgate rights list``: prints requests with their clocks."""

from __future__ import annotations

import argparse
import datetime as dt
import json

from consentgate.cli.rights.opening import add_desk, desk_of
from consentgate.domain.days import day_of
from consentgate.rights.tickets import Request


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    parser.add_argument("--all", action="store_true", help="closed ones too")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print them, the one that is due first at the top; 1 where one is late."""
    desk = desk_of(options, "rights.list")
    today = day_of(desk.now)
    found = [one for one in desk.register.requests() if one.is_open or options.all]
    found.sort(key=lambda one: (not one.is_open, one.due, one.reference))
    desk.register.note("listed", by=desk.user, now=desk.now, purpose=options.purpose)
    if options.json:
        print(json.dumps([document(one, today) for one in found], indent=2))
    else:
        for one in found:
            print(_line(one, today))
    return 1 if any(one.is_late(today) for one in found) else 0


def document(one: Request, today: dt.date) -> dict[str, object]:
    """A request as JSON."""
    return {
        "reference": one.reference,
        "ask": one.ask.value,
        "state": one.fate.value,
        "received": str(one.received),
        "acknowledge_by": str(one.acknowledge) if one.acknowledge else None,
        "due": str(one.due),
        "late": one.is_late(today),
        "regime": one.regime,
        "language": one.language,
        "taken_by": one.by,
        "extended": one.extended,
        "issuer": one.issuer,
        "scope": one.scope,
        "barred": one.is_barred,
        "passed": list(one.passed),
        "notified": one.is_notified,
        "objections": list(one.objections),
        "why": one.why,
        "closed": str(one.closed) if one.closed else None,
    }


def _line(one: Request, today: dt.date) -> str:
    left = (one.due - today).days
    when = f"closed {one.closed}" if not one.is_open else f"due {one.due} ({left} days)"
    late = ", LATE" if one.is_late(today) else ""
    confirm = f", confirm by {one.acknowledge}" if one.acknowledge and one.is_open else ""
    of = f" of {one.issuer}" if one.issuer else ""
    return f"{one.reference} {one.ask}{of}: {one.fate}, {when}{late}{confirm}"
