"""``consentgate ledger``: proves and keeps the ledger; one file a verb, registered in VERBS."""

from __future__ import annotations

import argparse
import sys

from consentgate.cli.verbs import Verb, add_verbs
from consentgate.errors import (
    LedgerUnavailable,
    LogError,
    PolicyError,
    ProofError,
    RightsError,
    SecretError,
    SettingError,
)

VERBS = {
    "checkpoint": Verb(
        "consentgate.cli.ledger.checkpoint",
        "Add what is new to the tree, sign it and print the checkpoint; --publish also writes it "
        "to a file or web address that is kept outside. Exit status 1: the ledger is not the one "
        "signed before.",
    ),
    "export": Verb(
        "consentgate.cli.ledger.export",
        "Write an evidence pack: events, records, notices, policies, checkpoints and how to "
        "verify them.",
    ),
    "keygen": Verb(
        "consentgate.cli.ledger.keygen",
        "Make the key that signs checkpoints: the private one goes to a file, the public one to "
        "whoever checks.",
    ),
    "prune": Verb(
        "consentgate.cli.ledger.prune",
        "Remove events whose retention is over, from the oldest on; receipts still verify.",
    ),
    "restore": Verb(
        "consentgate.cli.ledger.restore",
        "Make a SQLite ledger of an evidence pack, to be verified.",
    ),
    "show": Verb(
        "consentgate.cli.ledger.show",
        "Print the events of one subject, or what it had permitted at a time. Exit status 1: "
        "there are none.",
    ),
    "totals": Verb(
        "consentgate.cli.ledger.totals",
        "Count choices by day, notice, regime, method and purpose; no visitor is named.",
    ),
    "verify": Verb(
        "consentgate.cli.ledger.verify",
        "Say what was edited, removed, put in, reordered, truncated or rewritten. Exit status 1 "
        "and a line for each. Changes nothing.",
    ),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of the ledger."""
    add_verbs(parser, VERBS, "run_ledger")


def run(options: argparse.Namespace) -> int:
    """Run one verb; 2 where the policy, an option or a file cannot be read."""
    try:
        code: int = options.run_ledger(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except ProofError as error:
        print(error, file=sys.stderr)
        return 1
    except (
        LedgerUnavailable,
        SecretError,
        SettingError,
        LogError,
        RightsError,
        OSError,
    ) as error:
        print(error, file=sys.stderr)
        return 2
    return code
