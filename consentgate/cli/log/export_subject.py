"""``consentgate log export-subject``: prints what the site log keeps of one subject."""

from __future__ import annotations

import argparse
import datetime as dt
import sys

from consentgate.cli.log.opening import add_policy, layout_in, policy_of
from consentgate.log.erasure import months_back, names_of_subject, rows_with
from consentgate.log.parts import plain

NAME = "export-subject"
HELP = "Print every row of one subject as JSON lines; how many there were goes to standard error."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument(
        "--subject", required=True, metavar="REF", help="reference of the ledger and the receipt"
    )


def run(options: argparse.Namespace) -> int:
    """Print the rows."""
    policy = policy_of(options)
    layout = layout_in(policy, options.policy)
    today = dt.datetime.now(dt.UTC).date()
    months = months_back(today, policy.log.event_retention_days)
    count = 0
    for row in rows_with(layout, names_of_subject(layout, options.subject, months)):
        print(plain(row))
        count += 1
    print(f"{count} rows", file=sys.stderr)
    return 0
