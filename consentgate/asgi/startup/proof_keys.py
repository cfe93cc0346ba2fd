"""Owns the keys of checkpoints: read from the environment; never knows a ledger."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from consentgate.errors import SecretError
from consentgate.formats.proof.notes import HmacKey, Signer, Verifier, signer_of

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


def proof_keys(
    secrets: Sequence[bytes],
    given: tuple[Verifier, ...] = (),
    environment: Mapping[str, str] = os.environ,
) -> Keys:
    """The keys of checkpoints.

    ``CONSENTGATE_PROOF_KEY`` (or ``_FILE``) holds a private key as ``ledger keygen`` wrote it.
    Without it the secrets that sign tokens sign checkpoints with a keyed hash.

    Args:
        secrets: that sign tokens, the newest last.
        given: other keys that may have signed.
        environment: where to look.

    Raises:
        SecretError: the key cannot be read; the key itself is in no message.
    """
    keyed = tuple(
        HmacKey(KEYED_NAME, hmac.digest(key, b"consentgate.proof.v1", "sha256")) for key in secrets
    )
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


def _proof_key(environment: Mapping[str, str]) -> str:
    path = environment.get(f"{PROOF_KEY}_FILE", "")
    if not path:
        return environment.get(PROOF_KEY, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{PROOF_KEY}_FILE: cannot read {path}: {error}") from error
