"""Owns how a verb of the log finds what is kept of one subject."""

from __future__ import annotations

import argparse
import datetime as dt

from consentgate.cli.opening import add_policy, layout_in, policy_of
from consentgate.log.keeping.erasure import Names, months_back, names_of_subject
from consentgate.log.writing.layout import Layout


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Declare ``--policy`` and ``--subject``."""
    add_policy(parser)
    parser.add_argument(
        "--subject", required=True, metavar="REF", help="reference of the ledger and the receipt"
    )


def names_kept(options: argparse.Namespace, today: dt.date) -> tuple[Layout, Names]:
    """The folders of the site log, and the names under which the subject's rows were kept.

    Raises:
        PolicyError: the policy is wrong.
        LogError: it keeps no site log, or the reference names nobody.
    """
    policy = policy_of(options)
    layout = layout_in(policy, options.policy)
    months = months_back(today, policy.log.event_retention_days)
    return layout, names_of_subject(layout, options.subject, months)
