"""Owns the options of the gate and the secrets from the environment; never knows a request."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from consentgate.errors import SecretError
from consentgate.formats.token import MIN_KEY_BYTES
from consentgate.formats.webhooks import secret_of

logger = logging.getLogger("consentgate")

SECRET = "CONSENTGATE_SECRET"
WEBHOOK_SECRET = "CONSENTGATE_WEBHOOK_SECRET"
ENVIRONMENT = "CONSENTGATE_ENV"
LEAST_CHARACTERS = 10
"""Different characters that a key of 32 bytes has at the very least, by any good generator."""
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


def is_test(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the operator's own tests run: nothing is kept beyond this process."""
    return environment.get(ENVIRONMENT, "").lower() == "test"


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
        if weakness(key):
            logger.warning("consentgate: %s: key %d %s; %s", SECRET, number, weakness(key), _HINT)
    if len(set(keys)) < len(keys):
        raise SecretError(f"{SECRET}: the same key stands there twice; leave it once")
    return keys[::-1]


def weakness(key: bytes) -> str:
    """What makes a key easy to guess; empty: nothing that can be seen."""
    for size in range(1, len(key) // 2 + 1):
        if key == (key[:size] * (len(key) // size + 1))[: len(key)]:
            return f"repeats the same {size} characters"
    if len(set(key)) < LEAST_CHARACTERS:
        return f"has only {len(set(key))} different characters"
    return ""


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
