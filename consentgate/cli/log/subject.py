"""Owns how a verb of the log finds what is kept of one subject."""

from __future__ import annotations

import argparse
import datetime as dt
import time

from consentgate.cli.access.asking import add_purpose, allowed, user
from consentgate.cli.opening import add_policy, layout_in, policy_of
from consentgate.log.keeping.erasure import Names, months_back, names_of_subject
from consentgate.log.writing.layout import Layout
from consentgate.rights.register import Register


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Declare ``--policy`` and ``--subject``."""
    add_policy(parser)
    add_purpose(parser, "request")
    parser.add_argument(
        "--subject", required=True, metavar="REF", help="reference of the ledger and the receipt"
    )


def names_kept(options: argparse.Namespace, today: dt.date, act: str) -> tuple[Layout, Names]:
    """The folders of the site log, and the names under which the subject's rows were kept.

    Args:
        options: what the verb was called with.
        today: the last day that rows may be of.
        act: what the caller's role has to permit.

    Raises:
        PolicyError: the policy is wrong.
        RightsError: whoever calls may not do that.
        LogError: it keeps no site log, or the reference names nobody.
    """
    policy = policy_of(options)
    allowed(policy, act, options.purpose)
    layout = layout_in(policy, options.policy)
    months = months_back(today, policy.log.event_retention_days)
    return layout, names_of_subject(layout, options.subject, months)


def note_subject_export(options: argparse.Namespace) -> None:
    """Write down that one subject's rows are printed, where a register is kept.

    Raises:
        RightsError: it cannot be written; nothing is printed then.
    """
    policy = policy_of(options)
    register = Register.of(policy)
    if register is not None and (policy.rights.directory or policy.roles):
        register.note(
            "exported",
            by=user(),
            now=int(time.time()),
            what="log.export-subject",
            purpose=options.purpose,
            who=[register.who(options.subject)],
        )
