"""``consentgate rights extend``: takes the longer time that the law gives."""

from __future__ import annotations

import argparse

from consentgate.cli.rights.opening import add_desk, desk_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    parser.add_argument("request", metavar="R-…")
    parser.add_argument("--why", required=True, help="the reason that the visitor is told")


def run(options: argparse.Namespace) -> int:
    """Extend and say until when."""
    desk = desk_of(options, "rights.extend")
    found = desk.register.extend(options.request, now=desk.now, by=desk.user, why=options.why)
    print(
        f"{found.reference}: due {found.due}; tell the visitor before the first date is over: "
        f"consentgate rights answer {found.reference}"
    )
    return 0
