"""``consentgate log migrate``: makes parts of an older schema anew."""

from __future__ import annotations

import argparse

from consentgate.cli.opening import add_policy, layout_of
from consentgate.cli.standard_output import say_all
from consentgate.log.keeping.migration import migrate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)


def run(options: argparse.Namespace) -> int:
    """Migrate and say what was done."""
    done = say_all(migrate(layout_of(options)))
    print(f"{done or 'no'} parts made anew")
    return 0
