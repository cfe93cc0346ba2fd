"""``consentgate log prune``: sums up and deletes what is older than the policy allows."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from consentgate.cli.opening import add_policy, layout_in, policy_of
from consentgate.cli.standard_output import say_all
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError
from consentgate.log.keeping.retention import Limits, prune


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be")


def run(options: argparse.Namespace) -> int:
    """Prune and say what was done."""
    policy = policy_of(options)
    today = dt.datetime.now(dt.UTC).date()
    layout = layout_in(policy, options.policy)
    layout.check()
    say_all(prune(layout, Limits.of(policy, today), is_dry=options.dry_run))
    say_all(_security(policy, today, is_dry=options.dry_run))
    return 0


def _security(policy: Policy, today: dt.date, *, is_dry: bool) -> Iterator[str]:
    """The security log has a retention of its own, which a running site keeps by itself too."""
    from consentgate.log.security import file as security

    log = policy.log
    root = Path(log.security_directory)
    if not log.security_directory or not root.is_dir():
        return
    days, day = log.security_retention_days, str(today)
    try:
        made = security.too_old if is_dry else security.prune
        paths = made(root, days=days, today=day)
    except OSError as error:
        raise LogError(f"{error.filename or root}: {error.strerror}") from error
    word = "would be deleted" if is_dry else "deleted"
    for path in paths:
        yield f"{path}: {word} (security_retention_days = {days})"
