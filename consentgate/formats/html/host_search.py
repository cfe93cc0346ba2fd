"""Owns where an address of a denied host can begin in a page, found without reading its tags.

Every address that reaches a host shows at least one of: two slashes before the host, an ``@``
before it, a backslash or a character reference in place of a slash, or a scheme without slashes.
Each is searched for at the speed of a literal prefix. ``_search.c`` is this search compiled:
the same answers in one pass; a change here is one there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_HOST_BYTES = 300
"""A host is asked about by so many bytes at most."""
_SLASH = rb"[/\\\t\n\r\f]"
"""What browsers take for a slash, or leave out beside one."""
_GAP = rb"[\t\n\r\f]*+"
"""What an address and a style sheet leave out."""
_HOST = _SLASH + rb"*+([^/\\?#\"'<>() \f@,;{}=]{0,%d}+(?:\\(?![/\\\"']))?)" % MOST_HOST_BYTES
"""With the backslash of an escape in a style sheet: then the sheet itself will tell."""
_PAGE = rb"[\t\n\r\f ]*+(?i:text/|application/|image/svg)"
"""The start of a page or style sheet inside an address."""
_AFTER_SCHEME = rb"(?:" + _PAGE + rb"|" + _HOST + rb")"
_NAMESPACE = rb"www\.w3\.org/(?:2000/svg|1999/xhtml|1999/xlink|1998/Math/MathML)(?=[\"'%>&\\ ])"
"""Names that drawings and formulas are made with: they look like addresses, and most pages have
them. No judge denies them."""
_SLASHES = re.compile(rb"/" + _SLASH + rb"(?!" + _NAMESPACE + rb")" + _HOST)
_USER = re.compile(rb"@" + _HOST)
_SCHEME_END = re.compile(rb"[pPsS\t\n\r\f]:")
_BACKSLASH = re.compile(rb"\\(?<=[=:/\"'(,;\x00-\x20]\\)" + _SLASH + _HOST)
_COLON = re.compile(
    rb":(?<=[aApPsS\t\n\r\f]:)(?:(?<=[aA\t\n\r\f]:)" + _PAGE + rb"|"
    rb"(?:(?<=[tT\t\n\r\f][aA]:)|(?<=[\t\n\r\f]:))"
    rb"(?:[A-Za-z/+.\-]{0,20}+(?:[\t\n\r\f\\]|&[#A-Za-z])| *+[,;])|"
    rb"(?:(?<=[tTpPwWsS\t\n\r\f][pPsS]:)|(?<=[\t\n\r\f]:))(?!//)" + _HOST + rb")"
)
"""A scheme without slashes, with a gap in it perhaps, or a page or style sheet in an address."""
_ESCAPE = re.compile(
    rb"\\(?:0{0,4}(?:2[fF]|3[aA]|40|5[cC])|"
    rb"(?![/\\?#\"'<>() @,;{}=\[\]^|])(?:(?<=[/\\\t\n\r\f:][/\\]\\)|"
    rb"(?<=[pPsS0-9a-fA-F \t\n\r\f;\\]:\\)|(?<=@\\)|(?<=\\[\n\r\f]\\)|(?<=\\\r\n\\))|"
    rb"(?=(?:[0-9a-fA-F]{1,6}+(?>\r\n|[ \t\n\r\f]|)|\r\n|[\n\r\f]|(?=[pPsS])|"
    rb"(?<=[aApPsS0-9a-fA-F \t\n\r\f]\\)(?=:))"
    + _GAP + rb"[aApPsS]?+" + _GAP + rb":" + _AFTER_SCHEME + rb"))"
)  # fmt: skip
"""In a style sheet: an escaped slash, colon or ``@``, an escape in a scheme or before a host."""
_REFERENCE = re.compile(
    rb"&(?=#|amp;[#aTNsbc]|[TNsbc])(?:amp;)*(?:#0*(?:9|10|13|47|58|92)(?![0-9])|"
    rb"#[xX]0*(?:9|[aA]|[dD]|2[fF]|3[aA]|5[cC])(?![0-9a-fA-F])|"
    rb"(?:Tab|NewLine|sol|bsol|colon);|"
    rb"(?=(?:#0*64(?![0-9]);?|#[xX]0*40(?![0-9a-fA-F]);?|commat;|"
    rb"#[xX]?+[0-9a-fA-F]++;?+" + _GAP + rb"(?:[aApPsS]?+" + _GAP + rb":|\\" + _SLASH + rb"))"
    + _AFTER_SCHEME + rb"))"
)  # fmt: skip
"""A reference to what an address is made of, or one in its scheme, or before slashes or a host."""
_MARK = re.compile(
    rb"-[pPsS](?<=[tT][aA]-[pPsS])(?:[uU][rR][pP][oO][sS][eE]|[eE][rR][vV][iI][cC][eE])"
    rb"(?=[\t\n\f\r /=>])"
)
_NESTED = b"srcdoc"
_NESTING = re.compile(_NESTED + rb"(?=[\t\n\f\r /=>])")
"""A page in an attribute: what its scripts bear can be written by number."""
_DRAWING = re.compile(rb"<(?:[sS][vV][gG]|[mM][aA][tT][hH])(?=[\t\n\f\r />])")


def places(
    data: bytes, hosts: Mapping[bytes, bool], signatures: tuple[bytes, ...]
) -> tuple[list[int], list[int] | None, int]:
    """Where an address of a denied host, or a mark, may begin.

    Args:
        data: the page's bytes.
        hosts: whether a host may be denied, by its bytes as they stand in the page.
        signatures: what inline scripts are known by; the compiled search finds them on its way.

    Returns:
        the places in order; a place within each signature, None: not looked for; where the first
        drawing (SVG, MathML) begins, -1: there is none.
    """
    found = _denied(_SLASHES, data, hosts)
    if b"@" in data:
        found += _after_users(data, _denied(_USER, data, hosts))
    found += _doubtful(_COLON, data, hosts)
    if b"\\" in data:
        found += _denied(_BACKSLASH, data, hosts)
        found += _doubtful(_ESCAPE, data, hosts)
    if b"&" in data:
        found += _doubtful(_REFERENCE, data, hosts)
    found += [match.start() for match in _MARK.finditer(data)]
    if _NESTED in (lowered := data.lower()):
        found += [match.start() for match in _NESTING.finditer(lowered)]
    drawing = _DRAWING.search(data)
    return sorted(set(found)), None, drawing.start() if drawing is not None else -1


def _denied(pattern: re.Pattern[bytes], data: bytes, hosts: Mapping[bytes, bool]) -> list[int]:
    """Where a host stands that may be denied; each distinct host is asked about once."""
    named = {host for host in set(pattern.findall(data)) if hosts[host]}
    if not named:
        return []
    return [match.start() for match in pattern.finditer(data) if match[1] in named]


def _after_users(data: bytes, places: list[int]) -> list[int]:
    """Those of the places of an ``@`` that a user's name may stand before.

    The name follows two slashes, or a scheme without any: ``/icon@2x.png`` has none. A backslash
    may be an escape in a style sheet, inside the name.
    """
    found = []
    is_after, behind = False, 0
    for place in places:
        stop = max(data.rfind(mark, behind, place) for mark in (b"/", b"\\", b"?", b"#"))
        if stop >= 0:
            is_after = data[stop] == 0x5C or (data[stop] == 0x2F and _is_second(data, stop))
        is_after = is_after or _SCHEME_END.search(data, max(stop, behind), place) is not None
        behind = place
        if is_after:
            found.append(place)
    return found


def _is_second(data: bytes, slash: int) -> bool:
    """Whether a slash follows another one, or a colon; line breaks between do not count."""
    while slash and data[slash - 1] in b"\t\n\r\f":
        slash -= 1
    return slash > 0 and data[slash - 1] in b"/\\:"


def _doubtful(pattern: re.Pattern[bytes], data: bytes, hosts: Mapping[bytes, bool]) -> list[int]:
    """Where it matches without a host to ask about, or with one that may be denied."""
    return [
        match.start() for match in pattern.finditer(data) if match[1] is None or hosts[match[1]]
    ]
