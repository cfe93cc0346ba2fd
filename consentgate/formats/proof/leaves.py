"""Owns the leaf: the bytes of an event that the tree hashes, without who it was.

The identifying part of an event is its subject. Where there is one, the leaf holds a salted
commitment in its place; the salt and the subject stand outside. Whoever has both can show that the
leaf is about that subject; once they are erased nobody can, and every proof still holds.
A leaf is canonical JSON (RFC 8785), which ``Event.canonical`` writes.
"""

from __future__ import annotations

import hmac

SALT_BYTES = 32
COMMITMENT = "hmac-sha256:"
"""Begins a subject that is a commitment: no reference holds a colon."""

_KEY = b'"subject":"'
_COMMITTED = COMMITMENT.encode()


def commitment(subject: str, salt: bytes) -> str:
    """What a leaf says in place of the subject.

    The salt keeps the few subjects that an attacker may know from being tried out.

    Raises:
        ValueError: a salt of another length.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"expected a salt of {SALT_BYTES} bytes")
    return COMMITMENT + hmac.digest(salt, subject.encode(), "sha256").hex()


def subject_of(body: bytes) -> bytes:
    """The subject in an event's bytes; empty where it has none.

    The key with its quotes cannot stand inside a text of JSON, where quotes are escaped, so its
    first place is the only one.

    Raises:
        ValueError: no event: it has no subject.
    """
    _, key, tail = body.partition(_KEY)
    if not key:
        raise ValueError("not an event: no subject in it")
    return tail[: tail.index(b'"')]


def has_subject(body: bytes) -> bool:
    """Whether an event's bytes still say who it was.

    Raises:
        ValueError: no event.
    """
    subject = subject_of(body)
    return bool(subject) and not subject.startswith(_COMMITTED)


def leaf_of(body: bytes, salt: bytes | None) -> bytes:
    """The leaf of an event's bytes; an event without a subject is its own leaf.

    Args:
        body: as ``Event.canonical`` gave it, or the leaf itself once the subject is erased.
        salt: of this event; None where it has no subject, or none any more.

    Raises:
        ValueError: no event, or a subject without a salt.
    """
    if b'"subject":""' in body:
        return body
    head, key, tail = body.partition(_KEY)
    if not key:
        raise ValueError("not an event: no subject in it")
    if tail.startswith(_COMMITTED):
        return body
    if salt is None:
        raise ValueError("the salt of the subject is missing")
    subject, quote, rest = tail.partition(b'"')
    digest = hmac.digest(salt, subject, "sha256").hex().encode()
    return b"".join((head, key, _COMMITTED, digest, quote, rest))
