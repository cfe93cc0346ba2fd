"""``consentgate rights take``: takes in a request that did not come by the visitor's page."""

from __future__ import annotations

import argparse

from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.rights.requests import Ask

_ASKS = [ask.value for ask in Ask if ask is not Ask.DEMAND]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    parser.add_argument("ask", choices=_ASKS, help="what is asked for")
    add_whom(parser)
    parser.add_argument("--regime", default="", help="place of the visitor: FR, US-CA, TR")
    parser.add_argument("--language", default="en", help="for the answer")
    parser.add_argument("--text", default="", help="what was written; shredded with the answer")


def run(options: argparse.Namespace) -> int:
    """Take it in and say by when it is answered."""
    desk = desk_of(options, "rights.take")
    subjects, _ = subjects_of(desk, options.whom)
    taken = desk.register.open(
        Ask(options.ask),
        subjects,
        now=desk.now,
        by=desk.user,
        regime=options.regime,
        language=options.language,
        text=options.text,
    )
    confirm = f", confirm by {taken.acknowledge}" if taken.acknowledge else ""
    print(f"{taken.reference}: due {taken.due}{confirm}")
    return 0
