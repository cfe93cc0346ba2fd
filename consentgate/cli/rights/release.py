"""``consentgate rights release``: ends every hold of a visitor."""

from __future__ import annotations

import argparse
import sys

from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.rights.requests import Ask


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser, purpose="demand")
    add_whom(parser)
    parser.add_argument("--why", required=True, help="why the data need not be kept any more")


def run(options: argparse.Namespace) -> int:
    """Release; name the erasures that waited. 1 where nothing was held."""
    desk = desk_of(options, "rights.release")
    subjects, _ = subjects_of(desk, options.whom)
    released = [
        desk.register.release(one, now=desk.now, by=desk.user, why=options.why) for one in subjects
    ]
    if not any(released):
        print(f"{options.whom}: nothing is held", file=sys.stderr)
        return 1
    waiting = [
        one.reference
        for one in desk.register.about(subjects)
        if one.ask is Ask.ERASURE and one.is_open
    ]
    print(f"{options.whom}: released")
    for reference in waiting:
        print(f"{reference} waited for it: consentgate rights erase {reference}")
    return 0
