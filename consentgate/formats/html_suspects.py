"""Owns where in a page something denied can stand, found without reading its tags.

Sound and cheap: it names too many places rather than too few.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from consentgate.formats.html_tags import TAG

try:
    from consentgate.formats._html_search import places
except ImportError:  # installed without a compiler
    from consentgate.formats.html_places import places

MAX_SNIPPET_BYTES = 32_768
"""Longer inline scripts are a site's own program, not a vendor's snippet."""

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
    def signatures(self) -> tuple[bytes, ...]:
        """What ``knows`` looks for, each of two bytes or more; empty: it knows no script."""

    def knows(self, script: bytes) -> tuple[str, ...]:
        """The denied services whose signature an inline script bears."""


def suspects(data: bytes, told: Suspicion) -> list[int]:
    """Places that may belong to something denied, in order; none: there is nothing to gate."""
    found, bears = places(data, told.hosts, told.signatures)
    if bears:
        found += _scripts(data, told)
        found.sort()
    return found


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
