"""``consentgate ledger keygen``: makes the key that signs checkpoints."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from consentgate.errors import SettingError
from consentgate.formats.proof.notes import Ed25519Signer


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", help="names the ledger for good: shop.example/privacy-choices")
    parser.add_argument("--output", required=True, type=Path, help="file of the private key, new")


def run(options: argparse.Namespace) -> int:
    """Write the private key, mode 0600; print the public one."""
    try:
        signer = Ed25519Signer(options.name, os.urandom(32))
    except ValueError as error:
        raise SettingError(f"{options.name}: {error}") from error
    except ImportError as error:
        raise SettingError(f"install consentgate[proof] to make a key: {error}") from error
    handle = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{signer.secret()}\n")
    print(signer.verifier)
    print(
        f"{options.output}: the private key; set CONSENTGATE_PROOF_KEY_FILE to it. Publish the "
        "line above where visitors find it",
        file=sys.stderr,
    )
    return 0
