"""Owns telling whether an address says who a visitor is; never knows whose address it is.

An e-mail address anywhere, or a field that people's names, numbers and accounts are sent in; a hash
of an e-mail address counts as one: it is made to be matched.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MAX_CHARS = 8_192
_MOST_ROUNDS = 3
_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@(?!v?\d+\.)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}"
)
"""Not ``vue@3.4.min.js``: what begins like a version is one."""
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]*[^/\\?#]*")
_FIELD = re.compile(r"[?&;#]([^=&;#?]{1,64})=([^&;#]{1,512})")
_WORDS = (
    "em email e-mail mail emailaddress email_address user_email sha256_email hashed_email "
    "ph phone phone_number phonenumber tel telephone mobile msisdn "
    "fn ln first_name last_name firstname lastname fullname full_name "
    "user_id userid customer_id customerid external_id member_id login username user_name"
)
_NAMES = frozenset(_WORDS.split())
"""Fields that people are named in, after the letters around them: ``ud[em]``, ``user.email``."""
_INNER = re.compile(r"[\[.:]")


def tells_who(url: str) -> bool:
    """Whether the path, the query or the fragment of an address names a person.

    Args:
        url: as it stands, character references decoded; only its first 8,192 characters are read.
    """
    text = url[:MAX_CHARS]
    rest = text[_AUTHORITY.match(text).end() :]  # type: ignore[union-attr]  # matches the empty text
    for _ in range(_MOST_ROUNDS):
        if _EMAIL.search(rest) or any(_names_one(*field) for field in _FIELD.findall(rest)):
            return True
        decoded = unquote(rest)
        if decoded == rest:
            return False
        rest = decoded
    return False


def _names_one(name: str, value: str) -> bool:
    last = _INNER.split(name.strip("]").lower())[-1]
    return last in _NAMES and bool(value.strip())
