"""Owns which headers of an answer concern a gate, by their names."""

from __future__ import annotations

from typing import Final

from consentgate.gates.headers.response import OWNED
from consentgate.memo import Memo, up_to

TYPE: Final = 1
COOKIE: Final = 2
CONTACT: Final = 4
"""It can make a browser contact somebody: ``gates/headers/response`` owns it."""
VALIDATOR: Final = 8
VALIDATORS = frozenset((b"etag", b"last-modified"))
"""What names a state of the resource."""
_MOST_NAMES = 1_024
_MOST_NAME_BYTES = 64
_MARK_BY_NAME = {
    **dict.fromkeys(OWNED, CONTACT),
    **dict.fromkeys(VALIDATORS, VALIDATOR),
    b"content-type": TYPE,
    b"set-cookie": COOKIE,
}


def _mark_of(name: bytes) -> int:
    return _MARK_BY_NAME.get(name.lower(), 0)


marks: Memo[bytes, int] = Memo(_mark_of, _MOST_NAMES, is_small=up_to(_MOST_NAME_BYTES))
"""Name in any case to TYPE, COOKIE, CONTACT or VALIDATOR; 0 where no gate asks for it."""
