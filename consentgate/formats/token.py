"""Owns the token: the signed text that carries a choice in a cookie.

``1`` + base64url(payload) + ``.`` + signature; at most 120 bytes. The payload, big-endian:

    6 bytes  hash of the meaning the choice was made under
    5 bytes  seconds since the epoch
    1 byte   flags
    n bytes  one bit per optional purpose of that meaning, in its order
   16 bytes  random id, only where something was granted
    m bytes  what was said of single services: 0x01 + one bit per service, or
             0x02 + two bytes per service; a set bit says the opposite of its purposes

Never knows cookies, clocks or randomness.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from itsdangerous import Signer

from consentgate.domain.choices import Choice
from consentgate.domain.policy.fingerprints import HASH_BYTES, Meaning
from consentgate.domain.signals import Signals
from consentgate.memo import Memo

MAX_BYTES = 120
MIN_KEY_BYTES = 32
_VERSION = "1"
_SIGNATURE_CHARS = 43
_MAX_PAYLOAD = (MAX_BYTES - len(_VERSION) - 1 - _SIGNATURE_CHARS) * 3 // 4
_EXPLICIT, _HAS_PURPOSES, _TOLD_GPC, _TOLD_DNT, _SEEN_GPC, _SEEN_DNT, _HAS_ID = (
    1 << bit for bit in range(7)
)
_HEAD = HASH_BYTES + 5 + 1
_ID_BYTES = 16
_ANY_ID = "0" * 32
_MOST_SAID = 2_048
_MOST_DENIED = 256
_MOST_MEANINGS = 64
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


class TokenCodec:
    """Signs and reads tokens with a list of keys, oldest first; the last one signs."""

    def __init__(self, keys: Sequence[bytes], *, audience: str) -> None:
        """Take the keys.

        Args:
            keys: at least one, each at least 32 bytes; an old key stays until its tokens expire.
            audience: the site the tokens are for; another site's tokens do not verify.

        Raises:
            ValueError: no key, or one that is too short (itsdangerous takes an empty one).
        """
        if not keys or any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ValueError(f"expected one or more keys of at least {MIN_KEY_BYTES} bytes each")
        self._signer = Signer(
            list(keys),
            salt=f"consentgate.choice.v1|{audience}".encode(),
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        self._keyed = tuple(
            hmac.new(self._signer.derive_key(key), digestmod=hashlib.sha256)
            for key in reversed(keys)
        )
        """One for each key, the newest first, that has taken nothing in but its key."""

    def sign(self, choice: Choice, meaning: Meaning) -> str:
        """Write a choice, made under ``meaning``, as a token of at most 120 bytes.

        Where what was said of single services does not fit, the purposes concerned are
        written as refused: the token never grants more than the visitor did.

        Args:
            choice: ``id`` is 32 hexadecimal digits, or empty; a refusal carries none.
            meaning: what the purposes and services meant when it was made.
        """
        payload = _pack(choice, meaning)
        text = _VERSION + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
        return self._signer.sign(text).decode()

    def read(self, token: str | bytes, payloads: PayloadReader) -> Choice | None:
        """Read a token as a choice about today's purposes and services.

        Args:
            token: the cookie's value, anything at all.
            payloads: reads what the token carries.

        Returns:
            None for anything forged, cut or of an unknown version (REC-13). Never raises. Whether
            the choice can have been made when it says so, and still holds, is another question.
        """
        payload = self._payload(token)
        return payloads.choice(payload) if payload is not None else None

    def remember_signals(self, token: str | bytes, signals: Signals) -> str | None:
        """Write the same choice with the signals seen since added (SIG-07).

        Returns:
            The new token, or None where the given one does not verify.
        """
        payload = self._payload(token)
        if payload is None or len(payload) < _HEAD:
            return None
        changed = bytearray(payload)
        changed[_HEAD - 1] |= _flag(signals.gpc, _SEEN_GPC) | _flag(signals.dnt, _SEEN_DNT)
        text = _VERSION + base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        return self._signer.sign(text).decode()

    def _payload(self, token: str | bytes) -> bytes | None:
        if not token or len(token) > MAX_BYTES:
            return None
        raw = token.encode("latin-1", "replace") if isinstance(token, str) else token
        signed, _, signature = raw.rpartition(b".")
        if signed[:1] != _VERSION.encode() or not self._has_signed(signed, signature):
            return None
        text = signed[1:].translate(_FROM_URL)
        try:
            return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
        except binascii.Error:
            return None

    def _has_signed(self, signed: bytes, signature: bytes) -> bool:
        """Whether one of the keys made that signature: the same test as the signer's own.

        The signer derives its key anew for each test. Here the keys are derived once, and each
        HMAC starts from a copy of one that has taken its key in.
        """
        padded = signature + b"="
        for keyed in self._keyed:
            made = keyed.copy()
            made.update(signed)
            text = binascii.b2a_base64(made.digest(), newline=False)
            if hmac.compare_digest(text.translate(_TO_URL), padded):
                return True
        return False


class PayloadReader:
    """Reads payloads as choices about today's purposes and services.

    What means something else today is left out, as if never asked (VER-01, VER-09). Visitors who
    said the same share what was read of it: for each visitor only the time and the id are read.
    """

    def __init__(self, meanings: Mapping[bytes, Meaning], today: Meaning) -> None:
        """Take the meanings.

        Args:
            meanings: every meaning ever offered, under its hash.
            today: the meaning of the policy in force.
        """
        self._meanings = meanings
        self._today = today
        self._said = Memo(self._say, _MOST_SAID)
        self._denied = Memo(self._deny, _MOST_DENIED)
        self._carried = Memo(self._carry, _MOST_MEANINGS)

    def choice(self, payload: bytes) -> Choice | None:
        """The choice that a payload carries.

        Args:
            payload: bytes that were signed here, in whatever version of this program.

        Returns:
            None where the payload is no choice. Of one that was made under a meaning that is not
            known here, only what was refused and signalled. Never raises.
        """
        if len(payload) < _HEAD:
            return None
        name, flags = payload[:HASH_BYTES], payload[_HEAD - 1]
        made_at = int.from_bytes(payload[HASH_BYTES : _HEAD - 1], "big")
        then = self._meaning(name)
        if then is None:
            said = self._denied[flags]
            return said.by("", made_at) if said is not None else None
        start = _HEAD + (len(then.purposes) + 7) // 8
        end = start + _ID_BYTES if flags & _HAS_ID else start
        if len(payload) < end:
            return None
        said = self._said[name + payload[_HEAD - 1 : start] + payload[end:]]
        return said.by(payload[start:end].hex(), made_at) if said is not None else None

    def _meaning(self, name: bytes) -> Meaning | None:
        return self._today if name == self._today.hash else self._meanings.get(name)

    def _say(self, said: bytes) -> Choice | None:
        """Read a payload without its time and id; the choice has a time and an id that stand in."""
        then = self._meaning(said[:HASH_BYTES])
        choice = _unpack(said[HASH_BYTES:], then) if then is not None else None
        if choice is None or then is self._today:
            return choice
        return self._carried[said[:HASH_BYTES]].of(choice)

    def _carry(self, name: bytes) -> _CarryOver:
        return _CarryOver.between(self._meanings[name], self._today)

    def _deny(self, flags: int) -> Choice | None:
        """What a token says whatever its purposes were called: all refused, and signals."""
        is_refusal = bool(flags & _EXPLICIT and flags & _HAS_PURPOSES and not flags & _HAS_ID)
        said = {key: False for key, _ in self._today.purposes} if is_refusal else {}
        return Choice(
            made_at=0,
            is_explicit=is_refusal,
            purposes=MappingProxyType(said),
            signalled=Signals(bool(flags & _SEEN_GPC), bool(flags & _SEEN_DNT)),
        ).denials


def _flag(is_set: bool, bit: int) -> int:
    return bit if is_set else 0


def _pack(choice: Choice, meaning: Meaning) -> bytes:
    said = {key: choice.purposes.get(key, False) for key, _ in meaning.purposes}
    has_purposes = bool(choice.purposes)
    has_id = bool(choice.id) and choice.grants_anything
    flags = (
        _flag(choice.is_explicit, _EXPLICIT)
        | _flag(has_purposes, _HAS_PURPOSES)
        | _flag(choice.told.gpc, _TOLD_GPC)
        | _flag(choice.told.dnt, _TOLD_DNT)
        | _flag(choice.signalled.gpc, _SEEN_GPC)
        | _flag(choice.signalled.dnt, _SEEN_DNT)
        | _flag(has_id, _HAS_ID)
    )
    head = meaning.hash + choice.made_at.to_bytes(5, "big") + bytes((flags,))
    identity = bytes.fromhex(choice.id) if has_id else b""
    room = _MAX_PAYLOAD - len(head) - (len(said) + 7) // 8 - len(identity)
    exceptions = _exceptions(choice, meaning, said)
    tail = _pack_services(exceptions, len(meaning.services), room)
    if tail is None:
        said = _without_denied(choice, meaning, said)
        tail = b""
    return head + _bits(said.values()) + identity + tail


def _exceptions(choice: Choice, meaning: Meaning, said: Mapping[str, bool]) -> list[int]:
    """Numbers of the services of which the opposite of their purposes was said."""
    return [
        number
        for number, (key, _, purposes) in enumerate(meaning.services)
        if key in choice.services
        and choice.services[key] != all(said.get(purpose, False) for purpose in purposes)
    ]


def _pack_services(numbers: list[int], count: int, room: int) -> bytes | None:
    if not numbers:
        return b""
    bitmap = b"\x01" + _bits(number in set(numbers) for number in range(count))
    listed = b"\x02" + b"".join(number.to_bytes(2, "big") for number in numbers)
    shortest = min(bitmap, listed, key=len)
    return shortest if len(shortest) <= room else None


def _without_denied(choice: Choice, meaning: Meaning, said: Mapping[str, bool]) -> dict[str, bool]:
    """Refuse every purpose one of whose services was refused: strict where it does not fit."""
    denied = {
        purpose
        for key, _, purposes in meaning.services
        if choice.services.get(key) is False
        for purpose in purposes
    }
    return {key: granted and key not in denied for key, granted in said.items()}


def _bits(values: object) -> bytes:
    flags = list(values)  # type: ignore[call-overload]  # any iterable of booleans
    packed = bytearray((len(flags) + 7) // 8)
    for number, is_set in enumerate(flags):
        if is_set:
            packed[number >> 3] |= 0x80 >> (number & 7)
    return bytes(packed)


def _bit(packed: bytes, number: int) -> bool:
    return bool(packed[number >> 3] & (0x80 >> (number & 7)))


def _unpack(said: bytes, meaning: Meaning) -> Choice | None:
    """Read flags, purposes and services; None where a service is unknown to the meaning."""
    flags = said[0]
    end = 1 + (len(meaning.purposes) + 7) // 8
    bits = said[1:end]
    purposes = {key: _bit(bits, number) for number, (key, _) in enumerate(meaning.purposes)}
    numbers = _unpack_services(said[end:], len(meaning.services))
    if numbers is None:
        return None
    services = {}
    for number in numbers:
        key, _, served = meaning.services[number]
        services[key] = not all(purposes.get(purpose, False) for purpose in served)
    return Choice(
        made_at=0,
        is_explicit=bool(flags & _EXPLICIT),
        purposes=MappingProxyType(purposes if flags & _HAS_PURPOSES else {}),
        services=MappingProxyType(services),
        told=Signals(bool(flags & _TOLD_GPC), bool(flags & _TOLD_DNT)),
        signalled=Signals(bool(flags & _SEEN_GPC), bool(flags & _SEEN_DNT)),
        id=_ANY_ID if flags & _HAS_ID else "",
    )


def _unpack_services(tail: bytes, count: int) -> list[int] | None:
    if not tail:
        return []
    if tail[0] == 1 and len(tail) == 1 + (count + 7) // 8:
        return [number for number in range(count) if _bit(tail[1:], number)]
    if tail[0] == 2 and len(tail) % 2 == 1:
        numbers = [
            int.from_bytes(tail[start : start + 2], "big") for start in range(1, len(tail), 2)
        ]
        return numbers if all(number < count for number in numbers) else None
    return None


def carry_over(choice: Choice, then: Meaning, today: Meaning) -> Choice:
    """Keep of a choice what still means today what it meant when it was made, and every refusal.

    A refusal is not undone by changing what was refused (VER-05), and who refused everything
    has refused what came since.
    """
    return choice if then == today else _CarryOver.between(then, today).of(choice)


@dataclass(frozen=True, slots=True)
class _CarryOver:
    """How choices made under one meaning are read under another."""

    purposes: tuple[str, ...]
    """All of today's."""
    same: frozenset[str]
    """Those that still mean what they meant."""
    services: frozenset[str]
    """All of today's."""
    changed: frozenset[str]
    """Those that are new, or mean something else than they did."""

    @classmethod
    def between(cls, then: Meaning, today: Meaning) -> _CarryOver:
        services_then = {key: (print_, keys) for key, print_, keys in then.services}
        return cls(
            purposes=tuple(key for key, _ in today.purposes),
            same=frozenset(key for key, _ in {*then.purposes} & {*today.purposes}),
            services=frozenset(key for key, _, _ in today.services),
            changed=frozenset(
                key
                for key, print_, keys in today.services
                if services_then.get(key) != (print_, keys)
            ),
        )

    def of(self, choice: Choice) -> Choice:
        """The choice as it is read today."""
        said = {
            key: said
            for key, said in choice.purposes.items()
            if key in self.same or (not said and key in self.purposes)
        }
        if choice.purposes and not choice.grants_anything:
            said = dict.fromkeys(self.purposes, False)
        changed = self.changed - {key for key, said in choice.services.items() if not said}
        services = {
            key: said
            for key, said in choice.services.items()
            if key in self.services and key not in changed
        }
        return replace(
            choice,
            purposes=MappingProxyType(said),
            services=MappingProxyType(services),
            changed=changed,
        )
