"""``consentgate log verify``: proves that the log is what the policy says, for cron and CI."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

from consentgate.cli.opening import add_policy, layout_in, policy_of
from consentgate.domain.policy.policy import Policy
from consentgate.log.keeping.retention import Limits
from consentgate.log.keeping.verifying import verify


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Verify and report."""
    policy = policy_of(options)
    today = dt.datetime.now(dt.UTC).date()
    limits = Limits.of(policy, today)
    layout = layout_in(policy, options.policy)
    found = [*verify(layout, limits), *_security(policy, today)]
    if options.json:
        told = {"directory": str(layout.root), "today": str(today), "found": found}
        print(json.dumps({**told, "limits": limits.words}, indent=2))
    else:
        for line in found:
            print(line)
        words = ", ".join(limits.words.values())
        print(f"{layout.root}: {len(found) or 'nothing'} found; allowed: {words}")
    return 1 if found else 0


def _security(policy: Policy, today: dt.date) -> Iterator[str]:
    from consentgate.log.security import file as security

    log = policy.log
    root = Path(log.security_directory)
    if not log.security_directory or not root.is_dir():
        return
    days = log.security_retention_days
    for path in security.too_old(root, days=days, today=str(today)):
        yield f"{path}: older than allowed (security_retention_days = {days}); run prune"
