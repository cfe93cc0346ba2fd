"""``consentgate ledger restore``: makes a ledger of an evidence pack, to be verified."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.ledger.proof.pack import restore


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("folder", type=Path, help="the pack")
    parser.add_argument("--to", required=True, type=Path, metavar="PATH", help="a new SQLite file")


def run(options: argparse.Namespace) -> int:
    """Restore; what it is worth only ``ledger verify`` says."""
    ledger, store = restore(options.folder, options.to)
    ledger.close()
    print(
        f"{options.to}: {store.position().size} events in the tree; now run: consentgate ledger "
        f"verify --ledger sqlite:{options.to} --key VKEY"
    )
    return 0
