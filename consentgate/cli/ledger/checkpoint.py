"""``consentgate ledger checkpoint``: signs what the ledger has become, and publishes it."""

from __future__ import annotations

import argparse
import os
import sys

from consentgate.cli.ledger.opening import add_keys, add_ledger, keys_of, ledger_of, now_ms
from consentgate.cli.ledger.publishing import publish
from consentgate.errors import ProofError, SecretError
from consentgate.ledger.proof.integrator import Integrator


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    add_keys(parser)
    parser.add_argument(
        "--publish",
        metavar="WHERE",
        help="write it there too: a file in a folder that is mirrored, a repository, a mounted "
        "share; or https://… that takes PUT (CONSENTGATE_PUBLISH_TOKEN: a bearer token)",
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
        publish(options.publish, store, signed)
    sys.stdout.write(signed.note)
    if not keys.vkey:
        print("signed with a keyed hash: operator-verifiable only", file=sys.stderr)
    return 0
