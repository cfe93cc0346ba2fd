"""Owns ETag and Last-Modified, which a site can plant in a browser and read again (STO-08).

A visitor who may not be followed gets what everyone gets. *Reading*: the app never sees what the
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

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from consentgate.formats.headers import Headers
from consentgate.gates.headers.names import VALIDATORS
from consentgate.gates.messages import Message
from consentgate.gates.outcomes import Outcome
from consentgate.gates.request import Request
from consentgate.memo import Memo

_MOST_KNOWN = 8_192
_MOST_HASHED = 262_144
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
        self._said: Memo[bytes, tuple[bytes, bytes]] = Memo(lambda name: (b"", b""), _MOST_KNOWN)

    def told(self, key: bytes, etag: bytes, modified: bytes) -> tuple[bool, bool]:
        """Take in what is said now; give whether each was said the time before, too."""
        name = blake2b(key, digest_size=12).digest()
        before = self._said[name]
        self._said.put(name, (etag, modified))
        return before[0] == etag, before[1] == modified


class Answered(NamedTuple):
    """What goes on for the start of an answer."""

    messages: tuple[Message, ...]
    is_over: bool
    """Whether that is the whole answer: what the app goes on to send is not passed on."""


class SharedValidators:
    """The validators of one answer to a visitor who may not be recognised by them."""

    __slots__ = (
        "_conditions",
        "_etag",
        "_has_body",
        "_is_etag_known",
        "_is_modified_known",
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
        self._etag = self._modified = b""
        self._is_etag_known = self._is_modified_known = False

    def start(self, message: Message) -> Answered | None:
        """Say what goes on for the start of the response, after the other gates.

        Returns:
            None where it waits for the first of the body, which says whether the bytes can be
            hashed: see ``first``.
        """
        self._etag = _value(message["headers"], b"etag")
        self._modified = _value(message["headers"], b"last-modified")
        is_whole = message.get("status") == 200
        if not self._key:
            if is_whole and self._is_unchanged(self._etag):
                return _not_modified(message, message["headers"])
            return Answered((message,), is_over=False)
        told = self._known.told(self._key, self._etag, self._modified)
        self._is_etag_known, self._is_modified_known = told
        if is_whole and self._has_body and not message.get("trailers", False):
            return None
        is_common = self._is_etag_known and not is_whole
        leveled = self._leveled(message, self._etag if is_common else b"")
        return Answered((leveled,), is_over=False)

    def first(self, start: Message, message: Message) -> Answered:
        """Say what goes on for a start that waited, and for the message after it."""
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
        if is_unchanged:
            return _not_modified(start, leveled["headers"])
        return Answered((leveled, message), is_over=False)

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


def _not_modified(start: Message, headers: Headers) -> Answered:
    """Answer 304 in the app's place."""
    kept = [pair for pair in headers if pair[0].lower() not in _OF_THE_BODY]
    rest = {name: value for name, value in start.items() if name != "trailers"}
    return Answered(
        (
            {**rest, "status": 304, "headers": kept},
            {"type": "http.response.body", "body": b"", "more_body": False},
        ),
        is_over=True,
    )


def _hashed(body: bytes) -> bytes:
    """A weak validator: encodings outside the gate may still change the bytes."""
    return b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def _opaque(tag: bytes) -> bytes:
    return tag.strip().removeprefix(b"W/")


def _value(headers: Headers, name: bytes) -> bytes:
    return next((value.strip() for key, value in headers if key.lower() == name), b"")


def shared_validators_for(
    request: Request,
    outcome: Outcome,
    known: KnownValidators,
    conditions: Mapping[bytes, bytes],
    headers: Headers,
) -> SharedValidators | None:
    """What deals with an answer's validators; None where they may stay.

    Args:
        request: what is answered.
        outcome: what this visitor permits.
        known: what the app said of its resources before.
        conditions: what the app did not see of the request, by lower-case name.
        headers: of the response, after the other gates; never a page's, which has none.
    """
    method = request.method
    if outcome.may_follow or method not in ("GET", "HEAD") or not _has_validator(headers):
        return None
    is_common = _is_embedded(request.header(b"sec-fetch-dest"), headers)
    return SharedValidators(
        conditions,
        known=known,
        key=request.address.encode("latin-1", "replace") if is_common else b"",
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
