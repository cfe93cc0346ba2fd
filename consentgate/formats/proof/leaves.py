"""Owns the leaf: the bytes of an event that the tree hashes, without who it was.

The identifying part of an event is its subject. Where there is one, the leaf holds a salted
commitment in its place; the salt and the subject stand outside. Whoever has both can show that the
leaf is about that subject; once they are erased nobody can, and every proof still holds.
A leaf is canonical JSON (RFC 8785), which ``Event.canonical`` writes.
"""

from __future__ import annotations

import hashlib

SALT_BYTES = 32
COMMITMENT = "salted:"
"""Begins a subject that is a commitment: no reference holds a colon."""

_KEY = b'"subject":"'
_NO_SUBJECT = b'"subject":""'
_COMMITTED = COMMITMENT.encode()
_sha256 = hashlib.sha256


def commitment(subject: str, salt: bytes) -> str:
    """What a leaf says in place of the subject: SHA-256 over 0x02, the salt and the subject.

    The salt is random and of fixed length: without it the few subjects that somebody may suspect
    cannot be tried out, and no two leaves of a subject look alike.

    Raises:
        ValueError: a salt of another length.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"expected a salt of {SALT_BYTES} bytes")
    return COMMITMENT + _sha256(b"\x02" + salt + subject.encode()).hexdigest()


def subject_of(body: bytes) -> bytes:
    """The subject in an event's bytes, or the commitment; empty where there is none.

    The key with its quotes cannot stand inside a text of JSON, where quotes are escaped, so its
    first place is the only one.
    """
    return body.partition(_KEY)[2].partition(b'"')[0]


def has_subject(body: bytes) -> bool:
    """Whether an event's bytes still say who it was."""
    subject = subject_of(body)
    return bool(subject) and not subject.startswith(_COMMITTED)


def leaf_of(body: bytes, salt: bytes | None) -> bytes:
    """The leaf of an event's bytes; what has no subject is its own leaf.

    Args:
        body: as ``Event.canonical`` gave it, or the leaf itself once the subject is erased.
        salt: of this event; None where it has no subject, or none any more.

    Raises:
        ValueError: there is a subject and no salt, or a salt of another length.
    """
    if _NO_SUBJECT in body:
        return body
    head, key, tail = body.partition(_KEY)
    if not key or tail.startswith(_COMMITTED):
        return body
    if salt is None or len(salt) != SALT_BYTES:
        raise ValueError("the salt of the subject is missing")
    subject, quote, rest = tail.partition(b'"')
    digest = _sha256(b"\x02" + salt + subject).hexdigest().encode()
    return b"".join((head, key, _COMMITTED, digest, quote, rest))
