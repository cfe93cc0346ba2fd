"""Owns where in a page something denied can stand, found without reading its tags.

Sound and cheap: it names too many places rather than too few.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Protocol

from consentgate.formats.html.tags import TAG

try:
    from consentgate.formats.html._search import places
except ImportError:  # installed without a compiler
    from consentgate.formats.html.host_search import places

MAX_SNIPPET_BYTES = 32_768
"""Longer inline scripts are a site's own program, not a vendor's snippet."""

Bears = Callable[[int, int], bool]
"""Whether a signature stands between two places of the data."""
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


def suspects(data: bytes, told: Suspicion) -> tuple[list[int], int]:
    """What may belong to something denied.

    Returns:
        the places in order, none: there is nothing to gate; and where the first drawing (SVG,
        MathML) begins, -1: there is none.
    """
    found, signed, drawing = places(data, told.hosts, told.signatures)
    if told.signatures and signed != []:
        found += _scripts(data, _bearing(data, told, signed))
        found.sort()
    return found, drawing


def _bearing(data: bytes, told: Suspicion, signed: list[int] | None) -> Bears:
    """Tells whether a signature stands between two places; ``signed``: the only ones it can at."""
    if signed is None:
        return lambda start, stop: bool(told.knows(data[start:stop]))

    def bears(start: int, stop: int) -> bool:
        at = bisect_left(signed, start)
        return at < len(signed) and signed[at] < stop and bool(told.knows(data[start:stop]))

    return bears


def _scripts(data: bytes, bears: Bears) -> list[int]:
    """Inline scripts that bear a signature."""
    found = []
    position = 0
    while opening := _SCRIPT.search(data, position):
        start = opening.end()
        end = _SCRIPT_END.search(data, start)
        if end is None:
            return _careful_scripts(data, bears)
        position = end.start()
        if _may_hide_its_end(data[start:position]) or _is_open(data, opening.start(), position):
            return _careful_scripts(data, bears)
        if bears(start, position):
            found.append(opening.start())
    return found


def _may_hide_its_end(text: bytes) -> bool:
    return len(text) > MAX_SNIPPET_BYTES or (b"<" in text and _HIDING.search(text) is not None)


def _is_open(data: bytes, tag: int, stop: int) -> bool:
    """Whether what ends a script may stand in an attribute of the script's own start tag."""
    return TAG.match(data, tag, min(stop, tag + _NEAR_BYTES)) is None


def _careful_scripts(data: bytes, bears: Bears) -> list[int]:
    """The same where it cannot be told where a script ends.

    A comment or its own start tag may hide the end: such scripts are asked about together, so that
    many of them cost no more than one.
    """
    found = []
    asked, is_borne, is_sure = -1, False, False
    for match in _SCRIPT.finditer(data):
        start = match.end()
        if start >= asked or (is_sure and _is_open(data, match.start(), asked)):
            asked, stop = _script_at(data, match.start(), start)
            is_sure = asked < start + MAX_SNIPPET_BYTES
            is_borne = bears(start, stop)
        if is_borne:
            found.append(match.start())
    return found


def _script_at(data: bytes, tag: int, start: int) -> tuple[int, int]:
    """Up to where scripts begin that this text holds too, and where the text ends."""
    end = _SCRIPT_END.search(data, start, start + MAX_SNIPPET_BYTES - 1)
    stop = end.start() if end is not None else len(data)
    if end is None or data.find(b"<!--", start, stop) >= 0 or _is_open(data, tag, stop):
        return start + MAX_SNIPPET_BYTES, start + 2 * MAX_SNIPPET_BYTES
    return stop, stop
