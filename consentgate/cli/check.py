"""``consentgate check``: says everything that is wrong with a policy file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.errors import PolicyError


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
