"""``consentgate log reveals``: prints the audit trail and whether it is whole."""

from __future__ import annotations

import argparse
import json

from consentgate.cli.opening import add_policy, security_of
from consentgate.log.security.audit import Audit


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Check the chain, then print it."""
    audit = Audit(security_of(options))
    entries = audit.entries()
    if options.json:
        print(json.dumps(entries, indent=2))
        return 0
    for one in entries:
        print(f"{one['at']} {one['by']} {one['day']} {one['ip']}: {one['reason']}")
    print(f"{audit.path}: {len(entries)} entries, none changed")
    return 0
