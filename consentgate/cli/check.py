"""``consentgate check``: says everything that is wrong with a policy file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from consentgate.asgi.startup.archive_file import archive_beside, read_archive
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.policy.fingerprints import meaning_of
from consentgate.domain.policy.policy import Policy
from consentgate.errors import PolicyError, SettingError
from consentgate.ledger.opening import open_ledger


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("policy", nargs="?", default="consentgate.toml", help="path of the file")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Check and report."""
    try:
        policy = load_policy(options.policy)
    except PolicyError as error:
        if options.json:
            print(json.dumps([asdict(fault) for fault in error.faults], indent=2))
        else:
            for fault in error.faults:
                print(fault, file=sys.stderr)
        return 2
    problem = _problem(options.policy, policy)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    summary = {
        "policy": options.policy,
        "version": policy.version,
        "purposes": [purpose.key for purpose in policy.purposes],
        "services": [service.key for service in policy.services],
        "hash": policy.hash,
    }
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print(
            f"{options.policy}: version {policy.version}, {len(policy.purposes)} purposes, "
            f"{len(policy.services)} services, sha256 {policy.hash[:16]}: no fault found"
        )
    return 0


def _problem(path: str, policy: Policy) -> str:
    """What a gate would not start with beside a sound policy; empty: nothing.

    The ledger is not opened: only whether its kind is known, and its driver installed.
    """
    try:
        open_ledger(policy.ledger.url).close()
        archive = read_archive(archive_beside(path))
    except SettingError as error:
        return str(error)
    if archive and meaning_of(policy).hash not in archive:
        print(
            f"{archive_beside(path)}: does not know this policy; before it goes into service run: "
            f"consentgate policy archive {path}",
            file=sys.stderr,
        )
    return ""
