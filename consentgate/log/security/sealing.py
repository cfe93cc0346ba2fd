"""Owns how a key is sealed to a person: only who holds the private key can open it.

X25519 with a key pair of one use, HKDF-SHA-256, ChaCha20-Poly1305. What the seal belongs to (day,
name) is bound into it, so that a seal cannot be passed off as another day's.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from consentgate.errors import SettingError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

KEY_BYTES = 32
_INFO = b"consentgate security log, sealed day key, v1"
_NONCE = bytes(12)
"""Every seal has a key of its own, so one nonce serves."""
_INSTALL = "install cryptography: pip install consentgate[security-log]"


def seal(secret: bytes, officer: X25519PublicKey, label: str) -> str:
    """Seal a secret; the result is one line of JSON."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    once = X25519PrivateKey.generate()
    public = once.public_key().public_bytes_raw()
    key = _key(once.exchange(officer), public + officer.public_bytes_raw())
    sealed = _cipher(key).encrypt(_NONCE, secret, label.encode())
    return json.dumps({"label": label, "public": _text(public), "sealed": _text(sealed)})


def unseal(sealed: str, private: X25519PrivateKey, label: str) -> bytes:
    """Open a seal.

    Raises:
        SettingError: another key, another label, or bytes that have been changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    try:
        parts = json.loads(sealed)
        public = base64.b64decode(parts["public"], validate=True)
        body = base64.b64decode(parts["sealed"], validate=True)
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        key = _key(shared, public + private.public_key().public_bytes_raw())
        return _cipher(key).decrypt(_NONCE, body, label.encode())
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"{label}: the seal does not open: it was made for another key, or has been changed"
        ) from error


def _key(shared: bytes, publics: bytes) -> bytes:
    return derived(shared, _INFO, salt=publics)


def derived(secret: bytes, info: bytes, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """A key for one use out of a secret (HKDF-SHA-256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt, info).derive(secret)


def _cipher(key: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return ChaCha20Poly1305(key)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def read_public_key(path: str | Path) -> X25519PublicKey:
    """Read the officer's public key.

    Raises:
        SettingError: no cryptography, no such file, or no X25519 public key in PEM.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise SettingError(f"the security log needs a library; {_INSTALL}") from error
    text = _read(path)
    if b"PRIVATE KEY" in text:
        raise SettingError(
            f"{path}: holds a private key, which must not lie on this machine; expected the "
            "public one (consentgate log keygen writes both)"
        )
    try:
        key = load_pem_public_key(text)
    except ValueError as error:
        raise SettingError(f"{path}: expected a public key in PEM") from error
    if not isinstance(key, X25519PublicKey):
        raise SettingError(f"{path}: expected an X25519 key; consentgate log keygen makes one")
    return key


def read_private_key(path: str | Path, passphrase: bytes | None = None) -> X25519PrivateKey:
    """Read the officer's private key.

    Raises:
        SettingError: no such file, a wrong passphrase, or no X25519 private key in PEM.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise SettingError(f"the security log needs a library; {_INSTALL}") from error
    try:
        key = load_pem_private_key(_read(path), passphrase)
    except TypeError as error:
        wanted = "a passphrase (--passphrase-file)" if passphrase is None else "no passphrase"
        raise SettingError(f"{path}: this key needs {wanted}") from error
    except ValueError as error:
        raise SettingError(
            f"{path}: expected a private key in PEM, and its passphrase where it has one"
        ) from error
    if not isinstance(key, X25519PrivateKey):
        raise SettingError(f"{path}: expected an X25519 key; consentgate log keygen makes one")
    return key


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from error


def write_key_pair(path: Path, passphrase: bytes | None = None) -> Path:
    """Make a key pair: the private key goes to ``path``, the public one beside it.

    Returns:
        The path of the public key: ``officer.pem`` gives ``officer.pub.pem``.

    Raises:
        SettingError: no cryptography, or one of the files is there or cannot be written.
    """
    try:
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    except ImportError as error:
        raise SettingError(f"the security log needs a library; {_INSTALL}") from error
    key = X25519PrivateKey.generate()
    protection: forms.KeySerializationEncryption = (
        forms.BestAvailableEncryption(passphrase) if passphrase else forms.NoEncryption()
    )
    pem = forms.Encoding.PEM
    private = key.private_bytes(pem, forms.PrivateFormat.PKCS8, protection)
    public = key.public_key().public_bytes(pem, forms.PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_suffix(f".pub{path.suffix or '.pem'}")
    _write_new(path, private, 0o600)
    _write_new(beside, public, 0o644)
    return beside


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise SettingError(f"{path}: is there already; name another file") from error
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        os.write(handle, content)
    finally:
        os.close(handle)


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
