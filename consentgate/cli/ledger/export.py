"""``consentgate ledger export``: writes an evidence pack."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.cli.access.giving import add_recipient, note_export
from consentgate.cli.ledger.opening import add_keys, add_ledger, keys_of, ledger_of
from consentgate.cli.opening import policy_of
from consentgate.ledger.proof.pack import export


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    add_keys(parser)
    add_recipient(parser)
    parser.add_argument("folder", type=Path, help="where to write; empty or not there yet")


def run(options: argparse.Namespace) -> int:
    """Write the pack. With ``--ledger`` alone the records lack what only a policy says."""
    ledger, store = ledger_of(options)
    keys = keys_of(options)
    path = Path(options.policy)
    is_told = path.exists() or not options.ledger
    if is_told:
        note_export(options, policy_of(options), "ledger.export", "events")
    written = export(
        ledger,
        store,
        options.folder,
        keys=tuple(dict.fromkeys([*([keys.vkey] if keys.vkey else []), *options.key])),
        policy=policy_of(options) if is_told else None,
        policy_text=path.read_bytes() if is_told else b"",
    )
    print(
        f"{options.folder}: {written.events} events, {written.notices} notices, "
        f"{written.checkpoints} checkpoints; it names subjects: give it to who may read them"
    )
    return 0
