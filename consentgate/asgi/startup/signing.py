"""Owns the options of the gate and the secrets from the environment; never knows a request."""

from __future__ import annotations

import logging
import math
import os
import secrets
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from consentgate.errors import SecretError
from consentgate.formats.token import MIN_KEY_BYTES
from consentgate.formats.webhooks import secret_of

logger = logging.getLogger("consentgate")

SECRET = "CONSENTGATE_SECRET"
LEAST_BITS = 96
"""How unpredictable a key's characters must be by their own frequency, for the whole key."""
WEBHOOK_SECRET = "CONSENTGATE_WEBHOOK_SECRET"
ENVIRONMENT = "CONSENTGATE_ENV"
_HINT = (
    f"set {SECRET} (or {SECRET}_FILE) to a random text of at least {MIN_KEY_BYTES} bytes, such as "
    'the output of: python -c "import secrets; print(secrets.token_urlsafe(48))"'
)

_WEBHOOK_HINT = (
    f"set {WEBHOOK_SECRET} to the output of: python -c "
    "\"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""
)


def is_development(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the operator said that this is not production (``CONSENTGATE_ENV``)."""
    return environment.get(ENVIRONMENT, "").lower() in ("development", "dev", "test")


def signing_keys(
    environment: Mapping[str, str] = os.environ, *, development: bool | None = None
) -> list[bytes]:
    """Read the keys that sign tokens, oldest first, as the signer wants them.

    ``CONSENTGATE_SECRET`` holds one or more keys, separated by spaces or commas, newest first;
    ``CONSENTGATE_SECRET_FILE`` names a file with the same, which wins.

    Args:
        environment: where to look.
        development: True allows a throw-away key; None asks ``CONSENTGATE_ENV``.

    Raises:
        SecretError: no key in production, a key that is too short, or an unreadable file.
            The key itself is in no message.
    """
    text = _secret_text(environment)
    keys = [key.encode() for key in text.replace(",", " ").split()]
    if not keys:
        return [_throw_away_key(environment, development)]
    for number, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY_BYTES:
            raise SecretError(
                f"{SECRET}: key {number} has {len(key)} bytes, expected at least "
                f"{MIN_KEY_BYTES}; {_HINT}"
            )
        _check(key, f"{SECRET}: key {number}", environment, development)
    if len(set(keys)) < len(keys):
        raise SecretError(f"{SECRET}: the same key stands there twice; each key once, newest first")
    return keys[::-1]


def _check(
    key: bytes, place: str, environment: Mapping[str, str], development: bool | None
) -> None:
    """Refuse a key that can be guessed; on a developer's machine say so.

    Raises:
        SecretError: it repeats itself or has too few different characters.
    """
    fault = _weakness(key)
    if not fault:
        return
    if not (is_development(environment) if development is None else development):
        raise SecretError(f"{place} {fault}: it can be guessed; {_HINT}")
    logger.warning("consentgate: %s %s: it can be guessed", place, fault)


def _weakness(key: bytes) -> str:
    """What makes a key easy to guess; empty: nothing that can be seen."""
    if (key + key).find(key, 1) < len(key):
        return "repeats itself"
    counts = Counter(key).values()
    bits = -sum(count * math.log2(count / len(key)) for count in counts)
    return "has too few different characters" if bits < LEAST_BITS else ""


def webhook_secrets(environment: Mapping[str, str] = os.environ) -> list[bytes]:
    """Read the secrets that sign webhooks, newest first.

    Raises:
        SecretError: none, or one that is written in another way; no secret is in the message.
    """
    texts = _secret_text(environment, WEBHOOK_SECRET).replace(",", " ").split()
    try:
        secrets_ = [secret_of(text) for text in texts]
    except ValueError as error:
        raise SecretError(f"{WEBHOOK_SECRET}: {error}; {_WEBHOOK_HINT}") from error
    if not secrets_:
        raise SecretError(f"{WEBHOOK_SECRET}: nothing to sign webhooks with; {_WEBHOOK_HINT}")
    return secrets_


def _secret_text(environment: Mapping[str, str], name: str = SECRET) -> str:
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "")
    try:
        _warn_of_readers(Path(path), name)
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{name}_FILE: cannot read {path}: {error}; {_HINT}") from error


def _warn_of_readers(path: Path, name: str) -> None:
    """Say where everybody on the machine can read a secret.

    It is no fault: what containers mount as a secret is often so, where nobody else is.
    """
    if path.stat().st_mode & stat.S_IROTH:
        logger.warning(
            "consentgate: %s_FILE: every user of this machine can read %s; chmod o-r it", name, path
        )


def _throw_away_key(environment: Mapping[str, str], development: bool | None) -> bytes:
    if not (is_development(environment) if development is None else development):
        raise SecretError(
            f"{SECRET}: no key to sign choices with; {_HINT}. "
            f"On a developer's machine set {ENVIRONMENT}=development instead"
        )
    logger.warning(
        "consentgate: no %s: choices are signed with a throw-away key and are forgotten "
        "when this process ends",
        SECRET,
    )
    return secrets.token_bytes(48).hex().encode()
