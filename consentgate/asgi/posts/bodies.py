"""Owns how a small body is read from a stranger: bounded, strict, never raising past here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive

from consentgate.formats.headers import Headers

MAX_BODY_BYTES = 16_384
MAX_FIELDS = 512
_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"


@dataclass(frozen=True)
class BodyProblem(Exception):
    """Why a body is not taken: an HTTP status, a stable code and a sentence."""

    status: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Body:
    """What was sent: form fields (several values each) or one JSON object."""

    fields: Mapping[str, list[str]]
    document: Mapping[str, Any] | None = None

    @property
    def is_json(self) -> bool:
        """Whether it came as JSON: the answer is JSON then, too."""
        return self.document is not None


async def read_body(
    headers: Headers, receive: Receive, *, most_bytes: int = MAX_BODY_BYTES
) -> Body:
    """Read a form or JSON body of at most 16 KiB, or of ``most_bytes``.

    Raises:
        BodyProblem: too large (413), another media type (415), or malformed (400).
    """
    raw = await read_bytes(headers, receive, (_FORM, _JSON), most_bytes)
    if _media_type(dict(headers)) == _JSON:
        return Body({}, _document(raw))
    return Body(_form(raw))


async def read_bytes(
    headers: Headers,
    receive: Receive,
    media_types: tuple[bytes, ...],
    most_bytes: int = MAX_BODY_BYTES,
) -> bytes:
    """Read a bounded body of one of the media types.

    Raises:
        BodyProblem: too large (413), another media type (415), or cut off (400).
    """
    named = dict(headers)
    if _media_type(named) not in media_types:
        expected = b" or ".join(media_types).decode()
        raise BodyProblem(415, "unsupported_media_type", f"expected {expected}")
    return await _read(named.get(b"content-length", b""), receive, most_bytes)


def _media_type(headers: Mapping[bytes, bytes]) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


async def _read(declared: bytes, receive: Receive, most_bytes: int) -> bytes:
    too_large = BodyProblem(413, "too_large", f"expected at most {most_bytes} bytes")
    if declared.isdigit() and (len(declared) > 9 or int(declared) > most_bytes):
        raise too_large
    raw = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyProblem(400, "malformed", "the request ended early")
        raw += message.get("body", b"")
        if len(raw) > most_bytes:
            raise too_large
        if not message.get("more_body", False):
            return bytes(raw)


def _form(raw: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise BodyProblem(400, "malformed", "the form is not valid UTF-8 or too long") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # refuses lone surrogates
    except (ValueError, RecursionError) as error:
        raise BodyProblem(400, "malformed", "expected one JSON object, no key twice") from error
    if not isinstance(document, dict):
        raise BodyProblem(400, "malformed", "expected a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
