"""Owns which responses are pages, and what their headers must say once markup was put in.

Only whole HTML documents in an ASCII-compatible charset are touched; everything else passes.
"""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

_NO_BODY = frozenset((204, 205, 206, 304))
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


def is_page(status: int, headers: Headers) -> bool:
    """Whether the response is an HTML document that markup may be put into.

    Args:
        status: the HTTP status.
        headers: the response's pairs, names in any case.
    """
    if status < 200 or status in _NO_BODY:
        return False
    is_html = False
    for name, value in headers:
        folded = name.lower()
        if folded == b"content-type":
            is_html = _is_html(value)
            if not is_html:
                return False
        elif (
            (folded == b"content-encoding" and value.strip().lower() not in (b"", b"identity"))
            or folded == b"content-range"
            or (folded == b"content-disposition" and value.lstrip()[:10].lower() == b"attachment")
        ):
            return False
    return is_html


def _is_html(content_type: bytes) -> bool:
    media_type, _, parameters = content_type.partition(b";")
    if media_type.strip().lower() != b"text/html":
        return False
    _, has_charset, charset = parameters.lower().partition(b"charset=")
    return not has_charset or charset.strip(b" \t\"'").startswith(_ASCII_LIKE)


def without_stale(headers: Headers) -> Headers:
    """Drop the validators and digests of the bytes as the app sent them."""
    return [pair for pair in headers if pair[0].lower() not in _STALE]


def with_length(headers: Headers, length: int | None) -> Headers:
    """Say the new length where one was said; None takes it out (the body is streamed)."""
    kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
    if length is None or len(kept) == len(headers):
        return kept
    return [*kept, (b"content-length", b"%d" % length)]
