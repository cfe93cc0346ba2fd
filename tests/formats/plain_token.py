"""A second reader of tokens, plain and slow, which the shipped one is compared with.

It verifies with the signer itself, reads every token on its own and shares nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType

from itsdangerous import BadSignature

from consentgate.domain.choices import Choice
from consentgate.domain.policy.fingerprints import HASH_BYTES, Meaning
from consentgate.domain.signals import Signals
from consentgate.formats.token import MAX_BYTES, TokenCodec

_EXPLICIT, _HAS_PURPOSES, _TOLD_GPC, _TOLD_DNT, _SEEN_GPC, _SEEN_DNT, _HAS_ID = (
    1 << bit for bit in range(7)
)
_HEAD = HASH_BYTES + 5 + 1


def read_plainly(
    codec: TokenCodec, token: bytes, meanings: Mapping[bytes, Meaning], today: Meaning, now: int
) -> Choice | None:
    """The choice that a token carries; None where it carries none."""
    payload = _payload(codec, token)
    if payload is None or len(payload) < _HEAD:
        return None
    meaning = today if payload[:HASH_BYTES] == today.hash else meanings.get(payload[:HASH_BYTES])
    if meaning is None:
        return _denials_of(payload, today)
    choice = _unpack(payload, meaning)
    if choice is None:
        return None
    carried = _carry_over(choice, meaning, today)
    return carried.denials if choice.made_at > now + 300 else carried


def _payload(codec: TokenCodec, token: bytes) -> bytes | None:
    if not token or len(token) > MAX_BYTES or token[:1] != b"1":
        return None
    try:
        text = codec._signer.unsign(token)[1:]
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (BadSignature, binascii.Error, ValueError):
        return None


def _bit(packed: bytes, number: int) -> bool:
    return bool(packed[number >> 3] & (0x80 >> (number & 7)))


def _unpack(payload: bytes, meaning: Meaning) -> Choice | None:
    flags = payload[_HEAD - 1]
    purposes_end = _HEAD + (len(meaning.purposes) + 7) // 8
    id_end = purposes_end + (16 if flags & _HAS_ID else 0)
    if len(payload) < id_end:
        return None
    bits = payload[_HEAD:purposes_end]
    said = {key: _bit(bits, number) for number, (key, _) in enumerate(meaning.purposes)}
    numbers = _unpack_services(payload[id_end:], len(meaning.services))
    if numbers is None:
        return None
    services = {}
    for number in numbers:
        key, _, purposes = meaning.services[number]
        services[key] = not all(said.get(purpose, False) for purpose in purposes)
    return Choice(
        made_at=int.from_bytes(payload[HASH_BYTES : HASH_BYTES + 5], "big"),
        is_explicit=bool(flags & _EXPLICIT),
        purposes=MappingProxyType(said if flags & _HAS_PURPOSES else {}),
        services=MappingProxyType(services),
        told=Signals(bool(flags & _TOLD_GPC), bool(flags & _TOLD_DNT)),
        signalled=Signals(bool(flags & _SEEN_GPC), bool(flags & _SEEN_DNT)),
        id=payload[purposes_end:id_end].hex(),
    )


def _denials_of(payload: bytes, today: Meaning) -> Choice | None:
    """What a token says whatever its purposes were called: everything refused, and signals."""
    flags = payload[_HEAD - 1]
    is_refusal = bool(flags & _EXPLICIT and flags & _HAS_PURPOSES and not flags & _HAS_ID)
    said = {key: False for key, _ in today.purposes} if is_refusal else {}
    return Choice(
        made_at=int.from_bytes(payload[HASH_BYTES : HASH_BYTES + 5], "big"),
        is_explicit=is_refusal,
        purposes=MappingProxyType(said),
        signalled=Signals(bool(flags & _SEEN_GPC), bool(flags & _SEEN_DNT)),
    ).denials


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


def _carry_over(choice: Choice, then: Meaning, today: Meaning) -> Choice:
    """Keep of a choice what still means today what it meant when it was made, and every refusal."""
    if then == today:
        return choice
    purposes_then, purposes_today = dict(then.purposes), dict(today.purposes)
    services_then = {key: (print_, keys) for key, print_, keys in then.services}
    kept = {
        key: said
        for key, said in choice.purposes.items()
        if purposes_today.get(key) == purposes_then[key] or (not said and key in purposes_today)
    }
    if choice.purposes and not choice.grants_anything:
        kept = dict.fromkeys(purposes_today, False)
    changed = frozenset(
        key
        for key, print_, keys in today.services
        if services_then.get(key) != (print_, keys) and choice.services.get(key) is not False
    )
    return Choice(
        made_at=choice.made_at,
        is_explicit=choice.is_explicit,
        purposes=MappingProxyType(kept),
        services=MappingProxyType(
            {
                key: said
                for key, said in choice.services.items()
                if key in {name for name, _, _ in today.services} and key not in changed
            }
        ),
        changed=changed,
        told=choice.told,
        signalled=choice.signalled,
        id=choice.id,
    )
