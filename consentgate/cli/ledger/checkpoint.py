"""``consentgate ledger checkpoint``: signs what the ledger has become, and publishes it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from consentgate.cli.ledger.opening import add_keys, add_ledger, keys_of, ledger_of, now_ms
from consentgate.errors import ProofError, SecretError
from consentgate.formats.proof.checkpoints import checkpoint_of
from consentgate.formats.proof.merkle import range_hash
from consentgate.formats.proof.notes import open_note
from consentgate.formats.proof.tiles import subtree_in_tiles
from consentgate.ledger.proof import ProofStore
from consentgate.ledger.proof.integrator import Integrator
from consentgate.log.writing.whole_file import FinishedFile


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    add_keys(parser)
    parser.add_argument(
        "--publish",
        type=Path,
        metavar="PATH",
        help="write it there too: a folder that is mirrored, a repository, a mounted share",
    )


def run(options: argparse.Namespace) -> int:
    """Sign, print and publish; a published checkpoint is never replaced by one that denies it."""
    ledger, store = ledger_of(options)
    keys = keys_of(options)
    if not keys.signers:
        raise SecretError(
            "no key signs checkpoints: set CONSENTGATE_PROOF_KEY_FILE (consentgate ledger keygen), "
            "or CONSENTGATE_SECRET for a keyed hash that only you can check"
        )
    integrator = Integrator(
        ledger, store, origin=keys.origin, signers=keys.signers, random_bytes=os.urandom
    )
    if integrator.run(now_ms()) is None:
        print("another process is adding to the tree; this is what it signed", file=sys.stderr)
    signed = store.last_checkpoint()
    if signed is None:
        raise ProofError("there is no event yet, so there is nothing to sign")
    if options.publish:
        _check_published(options.publish, store, signed.size)
        with FinishedFile(options.publish) as file:
            file.write(signed.note.encode("utf-8"))
    sys.stdout.write(signed.note)
    if not keys.vkey:
        print("signed with a keyed hash: operator-verifiable only", file=sys.stderr)
    return 0


def _check_published(path: Path, store: ProofStore, size: int) -> None:
    """What was published must be a beginning of what is published now."""
    if not path.exists():
        return
    try:
        before = checkpoint_of(open_note(path.read_text(encoding="utf-8"), ()).text)
    except ValueError as error:
        raise ProofError(f"{path}: holds no checkpoint: {error}; name another file") from error
    is_beginning = 0 < before.size <= size and (
        range_hash(subtree_in_tiles(store.tile), 0, before.size) == before.root
    )
    if before.size and not is_beginning:
        raise ProofError(
            f"{path}: the ledger is not the one that was published there at {before.size} events; "
            f"nothing was written; run consentgate ledger verify --anchor {path}"
        )
