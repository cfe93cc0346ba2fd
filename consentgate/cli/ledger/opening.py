"""Owns how a verb finds the ledger, its proof and the keys of its checkpoints."""

from __future__ import annotations

import argparse
import hmac
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from consentgate.asgi.startup.signing import SECRET, signing_keys
from consentgate.cli.opening import add_policy, policy_of
from consentgate.errors import SecretError, SettingError
from consentgate.formats.proof.notes import HmacKey, Signer, Verifier, signer_of, verifier_of
from consentgate.ledger import Ledger
from consentgate.ledger.opening import open_ledger
from consentgate.ledger.proof import ProofStore

PROOF_KEY = "CONSENTGATE_PROOF_KEY"
KEYED_NAME = "consentgate-ledger"
"""Origin of a ledger whose checkpoints only the operator can check."""


class Keys(NamedTuple):
    """Keys of checkpoints."""

    origin: str
    signers: tuple[Signer, ...]
    """The one that signs now; none: nothing is signed."""
    verifiers: tuple[Verifier, ...]
    """Those that may have signed."""
    vkey: str
    """What others check with; empty: only the operator can check."""


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

    ``CONSENTGATE_PROOF_KEY`` (or ``_FILE``) holds a private key as ``ledger keygen`` wrote it.
    Without it the keys of ``CONSENTGATE_SECRET`` sign with a keyed hash, if there are any.

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
    keyed = _keyed(environment)
    secret = _proof_key(environment)
    if not secret:
        return Keys(KEYED_NAME, keyed[-1:], given + keyed, "")
    try:
        signer = signer_of(secret)
    except ValueError as error:
        raise SecretError(
            f"{PROOF_KEY}: {error}; make one with consentgate ledger keygen"
        ) from error
    except ImportError as error:
        raise SecretError(f"{PROOF_KEY}: install consentgate[proof]: {error}") from error
    return Keys(signer.name, (signer,), (signer.verifier, *given, *keyed), str(signer.verifier))


def _keyed(environment: Mapping[str, str]) -> tuple[HmacKey, ...]:
    if not environment.get(SECRET) and not environment.get(f"{SECRET}_FILE"):
        return ()
    keys = signing_keys(environment, development=False)
    return tuple(
        HmacKey(KEYED_NAME, hmac.digest(key, b"consentgate.proof.v1", "sha256")) for key in keys
    )


def _proof_key(environment: Mapping[str, str]) -> str:
    path = environment.get(f"{PROOF_KEY}_FILE", "")
    if not path:
        return environment.get(PROOF_KEY, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{PROOF_KEY}_FILE: cannot read {path}: {error}") from error


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
