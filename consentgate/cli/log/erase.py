"""``consentgate log erase``: erases what the site log keeps of one subject, for good."""

from __future__ import annotations

import argparse
import datetime as dt

from consentgate.cli.log.opening import add_policy, layout_in, policy_of
from consentgate.log.erasure import erase, months_back, names_of_subject

NAME = "erase"
HELP = (
    "Erase every row of one subject, shred its key, and keep restored backups from bringing the "
    "rows back."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument(
        "--subject", required=True, metavar="REF", help="reference of the ledger and the receipt"
    )


def run(options: argparse.Namespace) -> int:
    """Erase and say what was done."""
    policy = policy_of(options)
    layout = layout_in(policy, options.policy)
    today = dt.datetime.now(dt.UTC).date()
    months = months_back(today, policy.log.event_retention_days)
    names = names_of_subject(layout, options.subject, months)
    done = erase(layout, names, today, reference=options.subject)
    key = "key shredded" if done.had_key else "key shredded before"
    print(f"{done.rows} rows erased, {key}; rows in backups stay out when they are restored")
    return 0
