"""Owns which client hints are asked for, delegated and delivered (STO-09).

The four that every browser sends unasked stay; what must be asked for tells visitors apart, and
the list a browser keeps of it "can effectively act as an alternative cookie store" (Client Hints
Infrastructure), so it takes a permission to follow the visitor.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from consentgate.formats.headers import lists as header_lists

UNASKED = frozenset((b"save-data", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform"))
"""Sent by default (the low-entropy table)."""
ASKED = frozenset(
    (
        b"device-memory",
        b"downlink",
        b"dpr",
        b"ect",
        b"rtt",
        b"sec-ch-device-memory",
        b"sec-ch-downlink",
        b"sec-ch-dpr",
        b"sec-ch-ect",
        b"sec-ch-forced-colors",
        b"sec-ch-lang",
        b"sec-ch-prefers-color-scheme",
        b"sec-ch-prefers-contrast",
        b"sec-ch-prefers-reduced-data",
        b"sec-ch-prefers-reduced-motion",
        b"sec-ch-prefers-reduced-transparency",
        b"sec-ch-rtt",
        b"sec-ch-ua-arch",
        b"sec-ch-ua-bitness",
        b"sec-ch-ua-form-factors",
        b"sec-ch-ua-full",
        b"sec-ch-ua-full-version",
        b"sec-ch-ua-full-version-list",
        b"sec-ch-ua-high-entropy-values",
        b"sec-ch-ua-model",
        b"sec-ch-ua-platform-version",
        b"sec-ch-ua-wow64",
        b"sec-ch-viewport-height",
        b"sec-ch-viewport-width",
        b"sec-ch-width",
        b"viewport-width",
        b"width",
    )
)
"""Sent on request only; names in lower case."""

_HERE = re.compile(rb"[ \t]*=[ \t]*(?:\([ \t]*(?:self)?[ \t]*\)|self)[ \t]*")
"""A permission for this origin, or for nobody: nothing leaves."""
_OPEN = frozenset((b"ch-save-data", b"ch-ua", b"ch-ua-mobile", b"ch-ua-platform"))


def accepted(value: bytes) -> bytes:
    """``Accept-CH`` with the unasked hints alone; empty makes the browser forget the others."""
    return header_lists.kept(value, _is_unasked) or b""


def critical(value: bytes) -> bytes | None:
    """``Critical-CH`` with the unasked hints alone; None where nothing is left."""
    return header_lists.kept(value, _is_unasked)


def _is_unasked(member: bytes) -> bool:
    return member.partition(b";")[0].strip().lower() in UNASKED


def permissions(value: bytes) -> bytes | None:
    """``Permissions-Policy`` without what hands asked-for hints to other origins."""
    return header_lists.kept(value, _is_kept_here)


def _is_kept_here(member: bytes) -> bool:
    name = member.partition(b"=")[0].strip().lower()
    if not name.startswith(b"ch-") or name in _OPEN:
        return True
    return bool(_HERE.fullmatch(member, len(member.partition(b"=")[0])))


def undelegated(value: bytes, denies: Callable[[bytes], bool]) -> bytes | None:
    """``Permissions-Policy`` without what hands hints to denied origins.

    Args:
        value: the field's value.
        denies: says of an origin whether it belongs to a denied service.
    """

    def may_stay(member: bytes) -> bool:
        is_hint = member.lstrip().lower().startswith(b"ch-")
        return not is_hint or not any(map(denies, header_lists.strings(member)))

    return header_lists.kept(value, may_stay)
