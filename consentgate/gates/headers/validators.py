"""Owns ETag and Last-Modified, which a site can plant in a browser and read again (STO-08).

A visitor who may not be followed is dealt with blindly. *Reading*: the app never sees what the
browser gives back (If-None-Match, If-Modified-Since, If-Range); the gate compares it with what
the app says of the resource now, and answers 304 itself. A file that has not changed is still not
sent again; a validator made for one visitor is never recognised, since the app that would have to
say it again does not know whom it answers. *Planting*: what a page embeds carries a validator
that everybody gets: the hash of the bytes where they come in one piece, else the app's own, once
it has said the same to somebody else. "Same bytes, same validator for everyone."

Answers for scripts and programs (JSON, ``fetch``) keep their validators: those guard changes with
If-Match, and a script that reads them could keep anything anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consentgate.gates.visit import Visit

Headers = list[tuple[bytes, bytes]]
Message = MutableMapping[str, Any]

_MOST_KNOWN = 8_192
_MOST_HASHED = 262_144
VALIDATORS = frozenset((b"etag", b"last-modified"))
"""What names a state of the resource."""
_OF_THE_BODY = frozenset(
    (b"content-length", b"content-type", b"content-encoding", b"transfer-encoding", b"trailer")
)
_EMBEDDED = (
    b"image/",
    b"text/css",
    b"text/javascript",
    b"application/javascript",
    b"text/html",
    b"text/plain",
    b"font/",
    b"application/font",
    b"video/",
    b"audio/",
    b"application/pdf",
    b"application/xhtml",
)
"""What pages embed, where the browser does not say what it wants it for."""


class KnownValidators:
    """What the app last said of each resource to somebody it could not know."""

    def __init__(self) -> None:
        self._said: dict[bytes, tuple[bytes, bytes]] = {}

    def told(self, key: bytes, etag: bytes, modified: bytes) -> tuple[bool, bool]:
        """Take in what is said now; give whether each was said the time before, too."""
        name = blake2b(key, digest_size=12).digest()
        before = self._said.get(name, (b"", b""))
        if len(self._said) >= _MOST_KNOWN:
            self._said.clear()
        self._said[name] = (etag, modified)
        return before[0] == etag, before[1] == modified


class Blind:
    """One answer to a visitor who may not be recognised by it: message in, messages out."""

    __slots__ = (
        "_conditions",
        "_etag",
        "_has_body",
        "_held",
        "_is_etag_known",
        "_is_modified_known",
        "_is_silent",
        "_key",
        "_known",
        "_modified",
    )

    def __init__(
        self,
        conditions: Mapping[bytes, bytes],
        *,
        known: KnownValidators,
        key: bytes,
        has_body: bool,
    ) -> None:
        """Prepare for an answer.

        Args:
            conditions: what the request gave back, by lower-case name.
            known: what was said before, to others.
            key: names the resource; empty where its validators stay as the app says them.
            has_body: whether a body follows (no HEAD).
        """
        self._conditions = conditions
        self._known = known
        self._key = key
        self._has_body = has_body
        self._held: Message | None = None
        self._is_silent = False
        self._etag = self._modified = b""
        self._is_etag_known = self._is_modified_known = False

    def start(self, message: Message) -> tuple[Message, ...]:
        """Say what goes on for the start of the response, after the other gates.

        It waits for the first of the body, which says whether the bytes can be hashed.
        """
        self._etag = _value(message["headers"], b"etag")
        self._modified = _value(message["headers"], b"last-modified")
        is_whole = message.get("status") == 200
        if not self._key:
            if is_whole and self._is_unchanged(self._etag):
                return self._not_modified(message, message["headers"])
            return (message,)
        told = self._known.told(self._key, self._etag, self._modified)
        self._is_etag_known, self._is_modified_known = told
        if is_whole and self._has_body and not message.get("trailers", False):
            self._held = message
            return ()
        is_common = self._is_etag_known and not is_whole
        return (self._leveled(message, self._etag if is_common else b""),)

    def later(self, message: Message) -> tuple[Message, ...]:
        """Say what goes on for any message after the start."""
        if self._is_silent:
            return ()
        if self._held is None:
            return (message,)
        start, self._held = self._held, None
        etag = self._etag if self._is_etag_known else b""
        is_unchanged = False
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if not message.get("more_body", False) and len(body) <= _MOST_HASHED:
                etag = _hashed(body)
                is_unchanged = self._is_unchanged(etag)
            else:
                is_unchanged = self._is_unchanged(self._etag)
        leveled = self._leveled(start, etag)
        return self._not_modified(start, leveled["headers"]) if is_unchanged else (leveled, message)

    def _is_unchanged(self, etag: bytes) -> bool:
        """RFC 9110 13.2.2: If-None-Match, compared weakly, goes before If-Modified-Since.

        A date has to be the very one that was given out, as browsers send it.
        """
        asked = self._conditions.get(b"if-none-match")
        if asked is not None:
            return bool(etag) and _opaque(etag) in {_opaque(tag) for tag in asked.split(b",")}
        since = self._conditions.get(b"if-modified-since", b"")
        return bool(self._modified) and since.strip() == self._modified

    def _leveled(self, message: Message, etag: bytes) -> Message:
        """The start with validators that everybody gets, or none."""
        headers = [
            pair
            for pair in message["headers"]
            if (name := pair[0].lower()) not in VALIDATORS
            or (name == b"last-modified" and self._is_modified_known)
        ]
        if etag:
            headers.append((b"etag", etag))
        return {**message, "headers": headers}

    def _not_modified(self, start: Message, headers: Headers) -> tuple[Message, ...]:
        """Answer 304 in the app's place; what the app goes on to send is not passed on."""
        self._is_silent = True
        kept = [pair for pair in headers if pair[0].lower() not in _OF_THE_BODY]
        rest = {name: value for name, value in start.items() if name != "trailers"}
        return (
            {**rest, "status": 304, "headers": kept},
            {"type": "http.response.body", "body": b"", "more_body": False},
        )


def _hashed(body: bytes) -> bytes:
    """A weak validator: encodings outside the gate may still change the bytes."""
    return b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def _opaque(tag: bytes) -> bytes:
    return tag.strip().removeprefix(b"W/")


def _value(headers: Headers, name: bytes) -> bytes:
    return next((value.strip() for key, value in headers if key.lower() == name), b"")


def blind_for(visit: Visit, headers: Headers) -> Blind | None:
    """What deals with an answer's validators; None where they may stay.

    Args:
        visit: the request.
        headers: of the response, after the other gates; never a page's, which has none.
    """
    method = visit.scope.get("method")
    if visit.outcome.may_follow or method not in ("GET", "HEAD") or not _has_validator(headers):
        return None
    is_common = _is_embedded(visit.header(b"sec-fetch-dest"), headers)
    return Blind(
        visit.conditions,
        known=visit.plan.known_validators,
        key=visit.address.encode("latin-1", "replace") if is_common else b"",
        has_body=method != "HEAD",
    )


def _is_embedded(destination: str, headers: Headers) -> bool:
    """Whether an answer is for a page to embed or to show, not for a script to read.

    Args:
        destination: ``Sec-Fetch-Dest``; browsers send none over plain HTTP, programs never.
        headers: of the response.
    """
    if destination:
        return destination != "empty"
    return _value(headers, b"content-type").strip().lower().startswith(_EMBEDDED)


def _has_validator(headers: Headers) -> bool:
    """Whether the response carries an ETag or Last-Modified."""
    return any(pair[0].lower() in VALIDATORS for pair in headers)
