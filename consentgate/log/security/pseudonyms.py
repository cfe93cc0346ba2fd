"""Owns the pseudonyms of one day: address and agent under keys that leave with the day.

An address becomes another IPv6 address (ipcrypt-deterministic, draft-denis-ipcrypt: one AES-128
block), so that tools which read addresses read it; the same client has the same one all day. An
agent becomes bytes that look the same only by chance.
"""

from __future__ import annotations

import base64
import os
import socket
from typing import TYPE_CHECKING

from consentgate.log.security.sealing import KEY_BYTES, derived

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_MAPPED = bytes(10) + b"\xff\xff"
_NONCE_BYTES = 12


class AddressCipher:
    """ipcrypt-deterministic under one 16-byte key."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import ECB

        # one block, never a mode over several: the draft's own construction
        block = Cipher(AES(key), ECB())
        self._encrypt = block.encryptor().update
        self._decrypt = block.decryptor().update

    def encrypt(self, address: bytes) -> str:
        """The pseudonym of an address of 4 or 16 bytes, as text."""
        block = _MAPPED + address if len(address) == 4 else address
        return _text(self._encrypt(block))

    def decrypt(self, pseudonym: str) -> str:
        """The address of a pseudonym; any IPv6 address has one.

        Raises:
            ValueError: not an address.
        """
        try:
            return _text(self._decrypt(socket.inet_pton(socket.AF_INET6, pseudonym)))
        except OSError as error:
            raise ValueError("expected an IPv6 address") from error


def _text(block: bytes) -> str:
    if block[:12] == _MAPPED:
        return socket.inet_ntop(socket.AF_INET, block[12:])
    return socket.inet_ntop(socket.AF_INET6, block)


class DayKey:
    """The key of one day in one process, and what is made of it.

    Each use has a subkey of its own (HKDF), as the draft demands.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        """Draw a key, or take the one that a seal held."""
        self.secret = secret or os.urandom(KEY_BYTES)
        self.address = AddressCipher(derived(self.secret, b"address", length=16))
        self._agent: ChaCha20Poly1305 = _cipher(derived(self.secret, b"agent"))

    def hide(self, agent: str) -> str:
        """An agent's text, encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        raw = agent.encode("utf-8", "replace")
        return base64.b64encode(nonce + self._agent.encrypt(nonce, raw, None)).decode()

    def show(self, hidden: str) -> str:
        """An agent's text again.

        Raises:
            ValueError: another key's, or changed bytes.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(hidden, validate=True)
            text = self._agent.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        except InvalidTag as error:
            raise ValueError("the agent has been changed") from error
        return text.decode("utf-8", "replace")


def _cipher(key: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return ChaCha20Poly1305(key)
