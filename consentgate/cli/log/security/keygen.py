"""``consentgate log keygen``: makes the key pair of the security officer."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.cli.opening import passphrase_of
from consentgate.log.security.sealing import write_key_pair


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("key", type=Path, help="where the private key goes, such as officer.pem")
    parser.add_argument(
        "--passphrase-file", type=Path, help="encrypt the private key under this file's first line"
    )


def run(options: argparse.Namespace) -> int:
    """Write both files and say where they are."""
    public = write_key_pair(options.key, passphrase_of(options))
    print(f"private key: {options.key} (keep it off the server)")
    print(f'public key: {public} ([log] security_public_key = "{public}")')
    return 0
