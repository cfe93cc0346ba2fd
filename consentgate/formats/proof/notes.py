"""Owns signed notes: text with signatures under it (C2SP signed-note), and the keys for them.

Ed25519 signatures can be checked by anyone who has the verifier key. A keyed hash (HMAC-SHA256)
can be checked by the operator alone; it is written as a signature of an unassigned type, so other
readers of notes pass it by. Never knows what a note is about.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from consentgate.formats.proof.encoding import base64_of, bytes_of

MAX_SIGNATURES = 100
MAX_CHARS = 1_000_000
_ED25519 = b"\x01"
_HMAC = b"\xffconsentgate hmac-sha256"
_SECRET_HEAD = "PRIVATE+KEY+"
_KEY_BYTES = 32
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")


class Signer(Protocol):
    """A key that signs notes."""

    name: str
    key_id: bytes

    def sign(self, text: bytes) -> bytes:
        """The signature over a note's text."""
        ...


class Verifier(Protocol):
    """A key that checks signatures of notes."""

    name: str
    key_id: bytes
    is_public: bool
    """Whether anyone may have this key: false for a keyed hash."""

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """A note with the signatures that known keys made."""

    text: str
    signed_by: tuple[Verifier, ...]
    """In the order of their lines; empty: nobody known signed it."""

    @property
    def is_public(self) -> bool:
        """Whether a signature holds that anyone can check."""
        return any(key.is_public for key in self.signed_by)


def sign(text: str, signers: Iterable[Signer]) -> str:
    """Write a note: the text, an empty line, a line for each signature.

    Raises:
        ValueError: the text does not end in a line break or holds control characters.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("the text of a note ends in a line break and has no control characters")
    lines = [
        f"— {signer.name} {base64_of(signer.key_id + signer.sign(text.encode('utf-8')))}\n"
        for signer in signers
    ]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str, verifiers: Iterable[Verifier]) -> Note:
    """Read a note and check every signature of a known key; others are passed by.

    Raises:
        ValueError: it is no note, or a known key did not make the signature that names it.
    """
    text, end, signatures = note.rpartition("\n\n")
    if not end or len(note) > MAX_CHARS or _CONTROL.search(note):
        raise ValueError("not a signed note: expected text, an empty line and signatures")
    text += "\n"
    known = {(key.name, key.key_id): key for key in verifiers}
    found: list[Verifier] = []
    for name, raw in _signatures(signatures):
        key = known.get((name, raw[:4]))
        if key is None or key in found:
            continue
        if not key.is_signed(text.encode("utf-8"), raw[4:]):
            raise ValueError(f"the signature of {name}+{raw[:4].hex()} is wrong")
        found.append(key)
    return Note(text, tuple(found))


def _signatures(text: str) -> list[tuple[str, bytes]]:
    lines = text.split("\n")
    if lines.pop() or not 0 < len(lines) <= MAX_SIGNATURES:
        raise ValueError(f"not a signed note: expected one to {MAX_SIGNATURES} signatures")
    found = []
    for line in lines:
        shape = _LINE.fullmatch(line)
        raw = _bytes(shape[2]) if shape and "+" not in shape[1] else b""
        if shape is None or len(raw) < 5:
            raise ValueError("not a signed note: a signature line is malformed")
        found.append((shape[1], raw))
    return found


class Ed25519Verifier:
    """The public key of a signer, written as a vkey: ``name+keyid+key``."""

    is_public = True

    def __init__(self, name: str, key: bytes) -> None:
        """Take a name and the 32 bytes of the key.

        Raises:
            ValueError: a name with spaces or a plus, or another length.
        """
        self.name = _checked_name(name)
        if len(key) != _KEY_BYTES:
            raise ValueError(f"an Ed25519 key has {_KEY_BYTES} bytes")
        self.key = key
        self.key_id = _key_id(name, _ED25519 + key)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64_of(_ED25519 + self.key)}"

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature.

        Raises:
            ImportError: the package cryptography (extra ``proof``) is missing.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer:
    """A private key: a name and a seed of 32 random bytes."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Make the key of a seed.

        Raises:
            ValueError: a name with spaces or a plus, or another length.
            ImportError: the package cryptography (extra ``proof``) is missing.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != _KEY_BYTES:
            raise ValueError(f"the seed of an Ed25519 key has {_KEY_BYTES} bytes")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Ed25519Verifier(name, self._key.public_key().public_bytes_raw())
        self.name, self.key_id = name, self.verifier.key_id

    def sign(self, text: bytes) -> bytes:
        """The signature over a note's text."""
        return self._key.sign(text)

    def secret(self) -> str:
        """The private key as text, as golang.org/x/mod/sumdb/note writes it."""
        key = base64_of(_ED25519 + self._seed)
        return f"{_SECRET_HEAD}{self.name}+{self.key_id.hex()}+{key}"


class HmacKey:
    """A keyed hash: signs and checks, for the operator alone."""

    is_public = False

    def __init__(self, name: str, key: bytes) -> None:
        """Take a name and a key of at least 32 bytes.

        Raises:
            ValueError: a name with spaces or a plus, or a key that is too short.
        """
        self.name = _checked_name(name)
        if len(key) < _KEY_BYTES:
            raise ValueError(f"expected a key of at least {_KEY_BYTES} bytes")
        self._key = key
        self.key_id = _key_id(name, _HMAC + hmac.digest(key, _HMAC, "sha256"))

    def sign(self, text: bytes) -> bytes:
        """The keyed hash of a note's text."""
        return hmac.digest(self._key, text, "sha256")

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the hash."""
        return hmac.compare_digest(self.sign(text), signature)


def verifier_of(vkey: str) -> Ed25519Verifier:
    """Read a verifier key.

    Raises:
        ValueError: it is malformed, its id is not that of its key, or its type is unknown.
    """
    name, key_id, key = _key_parts(vkey)
    verifier = Ed25519Verifier(name, key)
    if verifier.key_id != key_id:
        raise ValueError("the id of the verifier key is not that of its key")
    return verifier


def signer_of(secret: str) -> Ed25519Signer:
    """Read a private key.

    Raises:
        ValueError: it is malformed; the key is never shown.
        ImportError: the package cryptography (extra ``proof``) is missing.
    """
    if not secret.startswith(_SECRET_HEAD):
        raise ValueError(f"expected a private key that begins with {_SECRET_HEAD}")
    name, key_id, seed = _key_parts(secret.removeprefix(_SECRET_HEAD))
    signer = Ed25519Signer(name, seed)
    if signer.key_id != key_id:
        raise ValueError("the id of the private key is not that of its key")
    return signer


def _key_parts(text: str) -> tuple[str, bytes, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
        raise ValueError("expected a key of the form name+id+base64")
    raw = _bytes(parts[2])
    if raw[:1] != _ED25519:
        raise ValueError("expected an Ed25519 key")
    return parts[0], bytes.fromhex(parts[1]), raw[1:]


def _key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + key).digest()[:4]


def _checked_name(name: str) -> str:
    if not name or "+" in name or re.search(r"[\s\x00-\x1f]", name):
        raise ValueError("the name of a key is not empty and has neither spaces nor a plus")
    return name


def _bytes(text: str) -> bytes:
    """The bytes of base64; empty where it is none."""
    try:
        return bytes_of(text)
    except ValueError:
        return b""
