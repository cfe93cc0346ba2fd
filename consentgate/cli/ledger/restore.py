"""``consentgate ledger restore``: makes a ledger of an evidence pack, to be verified."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.errors import SettingError
from consentgate.ledger import Restorable
from consentgate.ledger.opening import open_ledger
from consentgate.ledger.proof.pack import restore


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("folder", type=Path, help="the pack")
    parser.add_argument(
        "--to",
        required=True,
        metavar="LEDGER",
        help="a SQLite file that is not there yet, or the URL of an empty ledger",
    )


def run(options: argparse.Namespace) -> int:
    """Restore; what it is worth only ``ledger verify`` says."""
    is_url = options.to.startswith(("sqlite:", "postgres:", "postgresql:"))
    url = options.to if is_url else f"sqlite:{options.to}"
    ledger = open_ledger(url)
    if not isinstance(ledger, Restorable):
        raise SettingError(f"--to {url}: nothing can be restored there")
    try:
        restore(options.folder, ledger)
    finally:
        ledger.close()
    print(
        f"{options.to}: {ledger.proof.position().size} events in the tree; now run: consentgate "
        f"ledger verify --ledger {url} --key VKEY"
    )
    return 0
