"""Owns the command ``consentgate``: one file a verb, registered in VERBS."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from consentgate.cli import check, init, log, policy, regimes, schema

VERBS = (check, init, log, policy, regimes, schema)
"""Modules with ``NAME``, ``HELP``, ``arguments(parser)`` and ``run(options) -> int``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0: all is well, 1: something was found, 2: wrong input."""
    parser = argparse.ArgumentParser(
        prog="consentgate", description="Keeps a site's word about tracking, on the server."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        one = verbs.add_parser(verb.NAME, help=verb.HELP, description=verb.HELP)
        verb.arguments(one)
        one.set_defaults(run=verb.run)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code
