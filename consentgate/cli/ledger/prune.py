"""``consentgate ledger prune``: removes events whose retention is over."""

from __future__ import annotations

import argparse
import sys

from consentgate.cli.ledger.opening import add_ledger, ledger_of, now_ms
from consentgate.cli.opening import policy_of
from consentgate.formats.proof.records import moment
from consentgate.ledger.proof.pruning import due, prune


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would go; remove nothing")


def run(options: argparse.Namespace) -> int:
    """Prune and report."""
    ledger, store = ledger_of(options)
    days = policy_of(options).ledger.retention_days
    with store.elected() as is_elected:
        if not is_elected:
            print("another process is adding to the tree; try again", file=sys.stderr)
            return 1
        found = due(ledger, store, now_ms=now_ms(), retention_days=days)
        if not options.dry_run:
            prune(ledger, store, found)
    span = f", {moment(found.oldest_ms)} to {moment(found.newest_ms)}" if found.events else ""
    verb = "would go" if options.dry_run else "are gone"
    print(f"{found.events} events {verb}{span}; kept {days} days past their end")
    return 0
