"""Owns the least a page keeps to itself about where its visitors were (STO-12; ASVS 3.4.5)."""

from __future__ import annotations

from consentgate.formats.headers import Headers

_NAME = b"referrer-policy"
LEAST = b"strict-origin-when-cross-origin"
_STRICT = frozenset((b"no-referrer", b"same-origin", b"strict-origin", LEAST))
_RAISED = {
    b"origin": b"strict-origin",
    b"origin-when-cross-origin": LEAST,
    b"no-referrer-when-downgrade": LEAST,
    b"unsafe-url": LEAST,
}
"""What tells other sites more than LEAST, and what it becomes."""


def with_referrer_policy(headers: Headers) -> Headers:
    """Add the policy where there is none, raise a weaker one, leave a stricter one alone.

    Of several, browsers follow the last they know (Referrer Policy 8.1, 11.1).
    """
    said = b""
    for name, value in headers:
        if name.lower() == _NAME:
            for part in value.split(b","):
                token = part.strip().lower()
                if token in _STRICT or token in _RAISED:
                    said = token
    if said in _STRICT:
        return headers
    kept = [pair for pair in headers if pair[0].lower() != _NAME]
    return [*kept, (_NAME, _RAISED.get(said, LEAST))]
