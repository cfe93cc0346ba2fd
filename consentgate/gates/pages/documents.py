"""Owns which responses are pages, and what their headers must say once markup was put in.

Only whole HTML documents in an ASCII-compatible charset are touched. Other HTML passes as it is
under the blocking policy (STO-14); everything else passes.
"""

from __future__ import annotations

import enum

from consentgate.formats.headers import Headers
from consentgate.memo import Memo, remember, up_to

_NO_BODY = frozenset((204, 205, 304))
_ASCII_LIKE = (
    b"utf-8",
    b"utf8",
    b"us-ascii",
    b"ascii",
    b"iso-8859-",
    b"latin",
    b"windows-125",
    b"koi8",
    b"euc-",
    b"gb2312",
    b"gbk",
    b"gb18030",
    b"big5",
    b"shift_jis",
    b"sjis",
)
_SNIFFED = frozenset((b"*/*", b"unknown/unknown", b"application/unknown"))
"""Types that say nothing: browsers look at the bytes then (MIME Sniffing 7)."""
_XML = (b"/xml", b"+xml", b"/xsl")
_RULES = b"application/speculationrules+json"
_PROGRAMS = (b"javascript", b"ecmascript", b"jscript")
"""Ends of the types of scripts."""
_STALE = frozenset(
    (
        b"etag",
        b"last-modified",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"accept-ranges",
    )
)
"""What would speak of the bytes before the gate (STO-15)."""


class Kind(enum.Enum):
    """What a response is to the gates of pages."""

    PAGE = "an HTML document that markup may be put into"
    COMPRESSED = "HTML that something inside the gate compressed"
    UNREADABLE = "HTML in bytes that cannot be read here: a part, UTF-16, an unknown charset, XML"
    XML = "a drawing or another XML document: opened by itself, it loads and runs what it names"
    PROGRAM = "a script, which a worker can be made of"
    RULES = "speculation rules: what a browser fetches ahead"
    UNTYPED = "anything: it does not say what it is"
    OTHER = "no document"


NO_PAGES = (Kind.OTHER, Kind.UNTYPED, Kind.XML, Kind.PROGRAM, Kind.RULES)
"""Whatever became of their bytes."""


def kind_of(status: int, headers: Headers) -> Kind:
    """Say what a response is.

    Args:
        status: the HTTP status.
        headers: the response's pairs, names in any case.
    """
    if status < 200 or status in _NO_BODY:
        return Kind.OTHER
    kind = Kind.UNTYPED
    is_compressed = False
    is_whole = status != 206
    is_redirect = 300 <= status < 400
    for name, value in headers:
        folded = name.lower()
        if _is_empty(folded, value) or (is_redirect and folded == b"location"):
            return Kind.OTHER
        if folded == b"content-type":
            kind = _kind_of_types(value, kind)
        elif folded == b"content-encoding":
            is_compressed = value.strip().lower() not in (b"", b"identity")
        elif folded == b"content-range":
            is_whole = False
        elif folded == b"content-disposition" and value.lstrip()[:10].lower() == b"attachment":
            return Kind.OTHER
    if kind in NO_PAGES:
        return kind
    if kind is not Kind.PAGE or (is_whole and not is_compressed):
        return kind
    return Kind.COMPRESSED if is_compressed else Kind.UNREADABLE


def _is_empty(name: bytes, value: bytes) -> bool:
    """Whether a header, lower-case name, says that there is no body: then there is no document."""
    return name == b"content-length" and value.strip() == b"0"


def _kind_of_types(value: bytes, before: Kind) -> Kind:
    """What one field says, after others: of several types browsers take the last (Fetch 3.5)."""
    if b"," not in value:
        found = kind_of_type(value)
        return before if found is Kind.UNTYPED else found
    for part in value.split(b","):
        before = _kind_of_types(part, before)
    return before


def kind_of_field(value: bytes) -> Kind:
    """What the value of one ``Content-Type`` field says."""
    return _kind_of_types(value, Kind.UNTYPED)


types: Memo[bytes, Kind] = Memo(kind_of_field, 256, is_small=up_to(256))
"""Value of a ``Content-Type`` field to what it says."""


@remember(256, is_small=up_to(256))
def kind_of_type(content_type: bytes) -> Kind:
    """What the value of a ``Content-Type`` says, without regard to the other headers."""
    media_type, _, parameters = content_type.partition(b";")
    media_type = media_type.strip().lower()
    if media_type == b"application/xhtml+xml":
        return Kind.UNREADABLE
    if media_type != b"text/html":
        return _kind_beside_pages(media_type)
    _, has_charset, charset = parameters.lower().partition(b"charset=")
    is_readable = not has_charset or charset.strip(b" \t\"'").startswith(_ASCII_LIKE)
    return Kind.PAGE if is_readable else Kind.UNREADABLE


def _kind_beside_pages(media_type: bytes) -> Kind:
    if b"/" not in media_type or media_type in _SNIFFED:
        return Kind.UNTYPED
    if media_type.endswith(_XML):
        return Kind.XML
    if media_type == _RULES:
        return Kind.RULES
    return Kind.PROGRAM if media_type.endswith(_PROGRAMS) else Kind.OTHER


def is_wide(data: bytes) -> bool:
    """Whether a body begins with the byte order mark of UTF-16, which overrides any charset."""
    return data[:1] in (b"\xfe", b"\xff")


def without_stale(headers: Headers) -> Headers:
    """Drop the validators and digests of the bytes as the app sent them."""
    return [pair for pair in headers if pair[0].lower() not in _STALE]


def with_length(headers: Headers, length: int | None) -> Headers:
    """Say the new length where one was said; None takes it out (the body is streamed)."""
    written = b"" if length is None else b"%d" % length
    kept: Headers = []
    for pair in headers:
        if pair[0].lower() != b"content-length":
            kept.append(pair)
        elif written:
            kept.append((pair[0], written))
            written = b""
    return kept
