"""Owns base64 as proofs write it (RFC 4648, section 4): each bytes have one spelling."""

from __future__ import annotations

import base64
import binascii


def base64_of(raw: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(raw).decode("ascii")


def bytes_of(text: str) -> bytes:
    """Text as bytes.

    Raises:
        ValueError: it is no base64, or another spelling of its bytes.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected base64") from error
    if base64_of(raw) != text:
        raise ValueError("expected base64 without stray bits")
    return raw
