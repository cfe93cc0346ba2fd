"""``consentgate log audit``: says how well the rows of a log hide in each other."""

from __future__ import annotations

import argparse
import json

from consentgate.cli.opening import add_policy, layout_of
from consentgate.log.aging.auditing import Audit, audit
from consentgate.log.keeping.reading import FIRST_DAY, LAST_DAY


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("--from", dest="since", default=FIRST_DAY, metavar="DAY", help="first day, 2026-11-01")
    add("--until", default=LAST_DAY, metavar="DAY", help="last day, 2026-11-30")
    add("--most", type=float, metavar="PERCENT", help="fail where a share is higher")
    add("--json", action="store_true", help="report as JSON")
    add_policy(parser)


def run(options: argparse.Namespace) -> int:
    """Audit; 0: within the limit, 1: over it."""
    found = audit(layout_of(options), options.since, options.until)
    over = [one for one in found if options.most is not None and one.percent > options.most]
    if options.json:
        print(json.dumps([one._asdict() for one in found], indent=2))
    else:
        for one in found:
            print(_line(one))
        for one in over:
            print(f"over the limit of {options.most} %: {one.what}")
    return 1 if over else 0


def _line(one: Audit) -> str:
    return f"{one.percent:5.1f} %  {one.alone:>8,} of {one.rows:<10,} {one.what}"
