"""Owns how a verb finds the ledger, its proof and the keys of its checkpoints."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path

from consentgate.asgi.startup.proof_keys import Keys, proof_keys
from consentgate.asgi.startup.signing import SECRET, signing_keys
from consentgate.cli.opening import add_policy, policy_of
from consentgate.errors import SettingError
from consentgate.formats.proof.notes import Verifier, verifier_of
from consentgate.ledger import Ledger
from consentgate.ledger.opening import open_ledger
from consentgate.ledger.proof import ProofStore


def add_ledger(parser: argparse.ArgumentParser) -> None:
    """Declare ``--policy`` and ``--ledger``."""
    add_policy(parser)
    parser.add_argument("--ledger", metavar="URL", help="instead of the one the policy names")


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Declare ``--key``."""
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="VKEY",
        help="a verifier key that may have signed, such as one before a change of keys",
    )


def ledger_of(options: argparse.Namespace) -> tuple[Ledger, ProofStore]:
    """Open the ledger and its proof.

    Raises:
        PolicyError: the policy is wrong.
        SettingError: the URL is wrong, or there is no ledger yet.
    """
    url = options.ledger or policy_of(options).ledger.url
    ledger = open_ledger(url)
    path = url.partition(":")[2].removeprefix("//")
    if url.startswith("sqlite:") and not Path(path).exists():
        raise SettingError(f"{path}: there is no ledger yet; is the path right?")
    return ledger, ledger.proof


def keys_of(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of checkpoints, from ``--key`` and the environment.

    Raises:
        SettingError: ``--key`` is no verifier key.
        SecretError: a key of the environment cannot be read; the key itself is in no message.
    """
    try:
        given: tuple[Verifier, ...] = tuple(
            verifier_of(text) for text in getattr(options, "key", ())
        )
    except ValueError as error:
        raise SettingError(f"--key: {error}") from error
    has_secret = environment.get(SECRET) or environment.get(f"{SECRET}_FILE")
    secrets = signing_keys(environment, development=False) if has_secret else []
    return proof_keys(secrets, given, environment)


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
