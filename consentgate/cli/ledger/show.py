"""``consentgate ledger show``: prints what one subject said, and what held at a time."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

from consentgate.cli.access.asking import add_purpose, allowed
from consentgate.cli.ledger.opening import add_ledger, ledger_of
from consentgate.cli.opening import policy_of
from consentgate.domain.events import Event, event_of
from consentgate.domain.history import state_at
from consentgate.formats.proof.records import moment
from consentgate.ledger.proof import ProofStore


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    add_purpose(parser, "request")
    parser.add_argument("subject", help="reference of the ledger and the receipt")
    parser.add_argument("--at", type=_time, metavar="TIME", help="2026-11-20T09:14:03Z: what held")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def _time(text: str) -> int:
    at = dt.datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1_000)


def run(options: argparse.Namespace) -> int:
    """Print the events, oldest first, or the state at a time; 1 where there are none."""
    if Path(options.policy).exists() or not options.ledger:
        allowed(policy_of(options), "ledger.show", options.purpose)
    ledger, store = ledger_of(options)
    events = [event_of(row[3]) for row in ledger.rows_of(options.subject)]
    if not events:
        print(f"{options.subject}: no event names this subject", file=sys.stderr)
        return 1
    if options.at is not None:
        _print_state(events, options)
    elif options.json:
        print(json.dumps([_document(event, store) for event in events], indent=2))
    else:
        for event in events:
            print(_line(event, store))
    return 0


def _print_state(events: list[Event], options: argparse.Namespace) -> None:
    found = state_at(events, options.at)
    state = found.event.state.value if found.event else "nothing said yet"
    said = {**found.purposes, **found.services}
    if options.json:
        document = {
            "at": moment(options.at),
            "state": found.event.state.value if found.event else None,
            "expired": found.is_expired,
            "event": found.event.id if found.event else None,
            "purposes": dict(found.purposes),
            "services": dict(found.services),
        }
        print(json.dumps(document, indent=2))
        return
    print(f"{moment(options.at)} {state}{', expired' if found.is_expired else ''}: {_said(said)}")


def _document(event: Event, store: ProofStore) -> dict[str, object]:
    leaf = store.leaf(event.id)
    return {**json.loads(event.canonical()), "leaf": leaf.at if leaf else None}


def _line(event: Event, store: ProofStore) -> str:
    leaf = store.leaf(event.id)
    proven = f"leaf {leaf.at}" if leaf else "not in the tree yet"
    return (
        f"{moment(event.at_ms)} {event.state}: {_said({**event.purposes, **event.services})}; "
        f"{event.method} ({event.source}), notice {event.notice_hash[:16] or 'none'} "
        f"({event.language or 'no language'}), policy {event.policy_version}, "
        f"{event.regime} {event.model}, until {moment(event.expires_ms)}; id {event.id}, {proven}"
    )


def _said(said: dict[str, bool]) -> str:
    return ", ".join(
        f"{key} {'granted' if is_granted else 'refused'}" for key, is_granted in said.items()
    )
