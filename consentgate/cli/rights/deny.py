"""``consentgate rights deny``: refuses a request, with a reason."""

from __future__ import annotations

import argparse

from consentgate.cli.rights.opening import add_desk, desk_of
from consentgate.domain.rights.requests import Fate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    parser.add_argument("request", metavar="R-…")
    parser.add_argument("--why", required=True, help="the reason that is given in the answer")


def run(options: argparse.Namespace) -> int:
    """Close it as denied."""
    desk = desk_of(options, "rights.deny")
    desk.register.close(options.request, Fate.DENIED, now=desk.now, by=desk.user, why=options.why)
    print(f"{options.request}: denied; consentgate rights answer {options.request}")
    return 0
