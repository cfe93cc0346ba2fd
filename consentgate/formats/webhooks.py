"""Owns the message of a webhook in the Standard Webhooks format; never sends one.

https://www.standardwebhooks.com/: ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``,
which is ``v1,`` and the Base64 of HMAC-SHA256 over ``id.timestamp.body``, one for each secret.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long a secret may be."""


def secret_of(text: str) -> bytes:
    """The bytes of a secret as it is written: ``whsec_`` and Base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is written in another way; the text is not in the message.
    """
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(PREFIX) or len(secret) not in SECRET_BYTES:
        raise ValueError(f"expected {PREFIX} followed by the Base64 of 24 to 64 random bytes")
    return secret


def message(kind: str, at_ms: int, data: Mapping[str, object]) -> bytes:
    """The body: what happened, when, and its facts."""
    moment = dt.datetime.fromtimestamp(at_ms / 1_000, dt.UTC)
    at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = json.dumps({"type": kind, "timestamp": at, "data": data}, separators=(",", ":"))
    return text.encode("ascii")


def headers(name: str, at: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The header fields of a message.

    Args:
        name: of the message, the same each time it is sent.
        at: of this attempt, whole seconds since the epoch.
        body: its exact bytes.
        secrets: at least one; while a secret is replaced the old and the new one sign.
    """
    signed = f"{name}.{at}.".encode() + body
    signatures = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(
            "v1," + base64.b64encode(signature).decode() for signature in signatures
        ),
    }
