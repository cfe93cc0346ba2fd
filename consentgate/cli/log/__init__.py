"""``consentgate log``: keeps the site log; one file a verb, registered in VERBS."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

from consentgate.cli.log import (
    compact,
    erase,
    export,
    export_subject,
    fields,
    keygen,
    minimise,
    prune,
    reveal,
    reveals,
    verify,
)
from consentgate.errors import LogError, PolicyError, SettingError

NAME = "log"
HELP = "Keep the site log: see what it may hold, compact, prune, verify and erase it."

VERBS: tuple[ModuleType, ...] = (
    compact,
    erase,
    export,
    export_subject,
    fields,
    keygen,
    minimise,
    prune,
    reveal,
    reveals,
    verify,
)
"""Modules with ``NAME``, ``HELP``, ``arguments(parser)`` and ``run(options) -> int``, by name."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of the log."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        one = verbs.add_parser(verb.NAME, help=verb.HELP, description=verb.HELP)
        verb.arguments(one)
        one.set_defaults(run_log=verb.run)


def run(options: argparse.Namespace) -> int:
    """Run one verb; 2 where the policy, an option or the log itself cannot be read."""
    try:
        code: int = options.run_log(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except (LogError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2
    return code
