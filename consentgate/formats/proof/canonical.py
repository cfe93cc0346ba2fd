"""Owns the canonical JSON of RFC 8785 (JCS), for what the ledger says: no fractions, no null keys.

A value that JCS cannot give one spelling to, or that other readers would round, is refused.
"""

from __future__ import annotations

import json
from typing import Any

MAX_INTEGER = (1 << 53) - 1
"""Beyond it a reader that knows only doubles rounds (RFC 8785, section 3.2.2.3; RFC 7493)."""


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value.

    Args:
        value: objects with text keys, lists, text, whole numbers, true, false, None.

    Raises:
        ValueError: another type, a number beyond MAX_INTEGER, a lone surrogate, a circle.
    """
    try:
        text = json.dumps(
            _checked(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode("utf-8")
    except RecursionError as error:
        raise ValueError("too deep for canonical JSON") from error


def _checked(value: object) -> Any:
    """The value with the keys of its objects in the order of their UTF-16 units (section 3.2.3)."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("an object of canonical JSON has text keys")
        return {key: _checked(value[key]) for key in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_checked(one) for one in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    raise ValueError(f"no canonical JSON for a {type(value).__name__} or a number that large")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def parsed(body: bytes) -> Any:
    """Read canonical JSON; nothing but the canonical spelling is read.

    Raises:
        ValueError: other bytes.
    """
    try:
        value = json.loads(body.decode("utf-8"))
        if canonical(value) == body:
            return value
    except (RecursionError, UnicodeError) as error:
        raise ValueError(f"not canonical JSON: {error}") from error
    raise ValueError("not canonical JSON: another spelling of it")
