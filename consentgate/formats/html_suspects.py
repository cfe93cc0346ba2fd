"""Owns where in a page an address of a denied host can stand, found without reading its tags.

Sound and cheap: it names too many places rather than too few. Every address that reaches a host
shows at least one of: two slashes before the host, an ``@`` before it, a backslash or a character
reference in place of a slash, or a scheme without slashes. Each is searched for at the speed of
a literal prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from consentgate.formats.html_tags import TAG

MAX_SNIPPET_BYTES = 32_768
"""Longer inline scripts are a site's own program, not a vendor's snippet."""

_HOST = rb"[/\\\t\n\r]*+([^/\\?#\"'<>() \f@,;{}=]{0,300}+(?:\\(?![/\\\"']))?)"
"""With the backslash of an escape in a style sheet: then the sheet itself will tell."""
_SLASHES = re.compile(rb"/[/\\\t\n\r]" + _HOST)
_USER = re.compile(rb"@" + _HOST)
_BACKSLASH = re.compile(rb"\\(?<=[=:/\"'(,\t\n\f\r ;]\\)" + _HOST)
_COLON = re.compile(
    rb":(?<=[aApPsS]:)(?!//)(?:(?<=(?:[tT][pP]|[pPwWsS][sS]):)" + _HOST + rb"|"
    rb"(?<=[aA]:)(?i:text/|application/|image/svg))"
)
"""A scheme without slashes, or a page or style sheet in an address."""
_ESCAPED_SLASH = re.compile(rb"\\0{0,4}(?:2[fF]|5[cC])")
_ESCAPED_START = re.compile(rb"\\(?<=[/:@]\\)(?![/\\\"'])")
_REFERENCE = re.compile(
    rb"&(?=#|amp;[#aTNsbc]|[TNsbc])(?:amp;)*(?:#0*(?:9|10|13|47|58|92)(?![0-9])|"
    rb"#[xX]0*(?:9|[aA]|[dD]|2[fF]|3[aA]|5[cC])(?![0-9a-fA-F])|"
    rb"(?:Tab|NewLine|sol|bsol|colon);)"
)
_MARK = re.compile(
    rb"-[pPsS](?<=[tT][aA]-[pPsS])(?:[uU][rR][pP][oO][sS][eE]|[eE][rR][vV][iI][cC][eE])"
    rb"(?=[\t\n\f\r /=>])"
)
_NEAR_BYTES = 4_096
"""A start tag longer than this is not measured."""
_SCRIPT = re.compile(rb"<[sS][cC][rR][iI][pP][tT](?=[\t\n\f\r />])")
_HIDING = re.compile(rb"<(?:!--|[sS][cC][rR][iI][pP][tT][\t\n\f\r />])")
"""What in a script may keep its end tag from being one."""
_SCRIPT_END = re.compile(rb"</[sS][cC][rR][iI][pP][tT](?=[\t\n\f\r />])")


class Suspicion(Protocol):
    """What the search has to be told."""

    @property
    def hosts(self) -> Mapping[bytes, bool]:
        """Whether a host may be denied, by its bytes as they stand in the page."""

    @property
    def has_snippets(self) -> bool:
        """Whether ``knows`` can answer anything."""

    def knows(self, script: bytes) -> tuple[str, ...]:
        """The denied services whose signature an inline script bears."""


def suspects(data: bytes, told: Suspicion) -> list[int]:
    """Places that may belong to something denied, in order; none: there is nothing to gate."""
    hosts = told.hosts
    found = _denied(_SLASHES, data, hosts)
    if b"@" in data:
        found += _denied(_USER, data, hosts)
    found += _colons(data, hosts)
    if b"\\" in data:
        found += _denied(_BACKSLASH, data, hosts)
        found += _places(_ESCAPED_SLASH, data)
        found += _places(_ESCAPED_START, data)
    if b"&" in data:
        found += _places(_REFERENCE, data)
    found += _places(_MARK, data)
    if told.has_snippets:
        found += _scripts(data, told)
    found.sort()
    return found


def _denied(pattern: re.Pattern[bytes], data: bytes, hosts: Mapping[bytes, bool]) -> list[int]:
    """Where a host stands that may be denied; each distinct host is asked about once."""
    named = {host for host in set(pattern.findall(data)) if hosts[host]}
    if not named:
        return []
    return [match.start() for match in pattern.finditer(data) if match[1] in named]


def _colons(data: bytes, hosts: Mapping[bytes, bool]) -> list[int]:
    """Schemes without slashes whose host may be denied, and addresses that hold a page."""
    return [match.start() for match in _COLON.finditer(data) if match[1] is None or hosts[match[1]]]


def _places(pattern: re.Pattern[bytes], data: bytes) -> list[int]:
    return [match.start() for match in pattern.finditer(data)]


def _scripts(data: bytes, told: Suspicion) -> list[int]:
    """Inline scripts that bear a signature."""
    found = []
    position = 0
    while opening := _SCRIPT.search(data, position):
        start = opening.end()
        end = _SCRIPT_END.search(data, start)
        if end is None:
            return _careful_scripts(data, told)
        position = end.start()
        text = data[start:position]
        if _may_hide_its_end(text) or _is_open(data, opening.start(), position):
            return _careful_scripts(data, told)
        if told.knows(text):
            found.append(opening.start())
    return found


def _may_hide_its_end(text: bytes) -> bool:
    return len(text) > MAX_SNIPPET_BYTES or (b"<" in text and _HIDING.search(text) is not None)


def _is_open(data: bytes, tag: int, stop: int) -> bool:
    """Whether what ends a script may stand in an attribute of the script's own start tag."""
    return TAG.match(data, tag, min(stop, tag + _NEAR_BYTES)) is None


def _careful_scripts(data: bytes, told: Suspicion) -> list[int]:
    """The same where it cannot be told where a script ends.

    A comment or its own start tag may hide the end: such scripts are asked about together, so that
    many of them cost no more than one.
    """
    found = []
    asked, bears, is_sure = -1, False, False
    for match in _SCRIPT.finditer(data):
        start = match.end()
        if start >= asked or (is_sure and _is_open(data, match.start(), asked)):
            asked, text = _script_at(data, match.start(), start)
            is_sure = asked < start + MAX_SNIPPET_BYTES
            bears = bool(told.knows(text))
        if bears:
            found.append(match.start())
    return found


def _script_at(data: bytes, tag: int, start: int) -> tuple[int, bytes]:
    """Up to where scripts begin that this text holds too, and the text."""
    end = _SCRIPT_END.search(data, start, start + MAX_SNIPPET_BYTES - 1)
    stop = end.start() if end is not None else len(data)
    if end is None or data.find(b"<!--", start, stop) >= 0 or _is_open(data, tag, stop):
        return start + MAX_SNIPPET_BYTES, data[start : start + 2 * MAX_SNIPPET_BYTES]
    return stop, data[start:stop]
