"""``consentgate rights hold``: keeps a visitor's data from being erased."""

from __future__ import annotations

import argparse

from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser, purpose="demand")
    add_whom(parser)
    parser.add_argument("--why", required=True, help="the claim or demand that needs the data")


def run(options: argparse.Namespace) -> int:
    """Hold; erasures wait from now on."""
    desk = desk_of(options, "rights.hold")
    subjects, reference = subjects_of(desk, options.whom)
    for subject in subjects:
        desk.register.hold(subject, now=desk.now, by=desk.user, why=options.why, demand=reference)
    print(f"{options.whom}: held; nothing of it is erased until consentgate rights release")
    return 0
