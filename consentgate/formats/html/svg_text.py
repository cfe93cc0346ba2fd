"""Owns what scripts and style sheets inside SVG say: tags, comments and CDATA may cut them there.

Their content is markup (WHATWG HTML, 13.2.6.5), and what runs or applies is the text of it joined
(DOM, "child text content"): ``ad<!-- -->q(1)`` is ``adq(1)``. Never knows what is denied.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from consentgate.formats.html.plain_tokens import DRAWING
from consentgate.formats.html.svg import POINTS, is_breakout
from consentgate.formats.html.tags import TAG, attributes_of, closes_itself

_NEAR_BYTES = 4_096
"""A start tag longer than this is not measured, but looked at."""
_HIDING = POINTS | {b"script", b"style"}
_DEEPEST = 64
"""Of the elements open in it so many are looked at."""
_COMMENT = re.compile(rb"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_BOGUS = re.compile(rb"</>|<(?:[!?]|/[^A-Za-z])[^>]*(?:>|\Z)")
_CDATA = re.compile(rb"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_DRAWING = re.compile(rb"<(?:[sS][vV][gG]|[mM][aA][tT][hH])(?=[\t\n\f\r />])")
_CONTENT = re.compile(rb"<([sS](?:[cC][rR][iI][pP][tT]|[tT][yY][lL][eE]))(?=[\t\n\f\r />])")
_ENDS = {
    name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />])", re.IGNORECASE)
    for name in (b"script", b"style")
}
MARK = re.compile(rb"<[A-Za-z/!?]|&[#A-Za-z]")
"""What makes content read as markup another than as text."""


@dataclass(slots=True)
class Marked:
    """The content of one ``script`` or ``style`` inside SVG."""

    end: int = -1
    """Where it ends; -1: not in the data."""
    is_clear: bool = True
    """Whether it could be read: not where HTML, or another such content, begins in it."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Where text of it starts and ends, between the marks."""
    own: list[tuple[int, int]] = field(default_factory=list)
    """Those that are not in elements inside it, as far as tags match."""


def marked(data: bytes, start: int, name: bytes) -> Marked:
    """Read the content of a ``script`` or ``style`` inside SVG that starts at ``start``.

    Where an end tag ends what is around, it reads on: rather too much is held than too little.
    """
    found = Marked()
    opened: list[bytes] = []
    position = start
    while True:
        at = data.find(b"<", position)
        _add(found, opened, position, at if at >= 0 else len(data))
        if at < 0:
            return found
        tag = TAG.match(data, at)
        if tag is None:
            position = _past(data, at, found, opened)
            if position < 0:
                return found
            continue
        if _ends(tag, name, opened):
            found.end = at
            found.is_clear = bool(tag[1]) or tag[2].lower() not in _HIDING
            return found
        position = tag.end()


def _ends(tag: re.Match[bytes], name: bytes, opened: list[bytes]) -> bool:
    """Whether a tag ends the content of ``name``; else keep what is open in it."""
    this = tag[2].lower()
    if not tag[1]:
        if this in _HIDING or is_breakout(this, _names(tag)):
            return True
        if not closes_itself(tag[3]):
            opened.append(this)
        return False
    if this in opened[-_DEEPEST:]:
        while opened.pop() != this:
            pass
        return False
    return this == name or this in (b"p", b"br")


def _names(tag: re.Match[bytes]) -> frozenset[bytes]:
    if tag[2].lower() != b"font":
        return frozenset()
    return frozenset(item.name for item in attributes_of(tag[0], 1 + len(tag[2]), len(tag[0]) - 1))


def _add(found: Marked, opened: list[bytes], start: int, end: int) -> None:
    if end > start:
        found.pieces.append((start, end))
        if not opened:
            found.own.append((start, end))


def _past(data: bytes, at: int, found: Marked, opened: list[bytes]) -> int:
    """Pass what starts with ``<`` and is no tag; -1: a tag that does not end."""
    cdata = _CDATA.match(data, at)
    if cdata is not None:
        _add(found, opened, *cdata.span(1))
        return cdata.end()
    other = _COMMENT.match(data, at) or _BOGUS.match(data, at)
    if other is not None:
        return other.end()
    if data[at + 1 : at + 2].isalpha() or data[at + 1 : at + 2] == b"/":
        return -1
    _add(found, opened, at, at + 1)
    return at + 1


def readings(data: bytes, found: Marked) -> bytes:
    """Everything that the content may say, apart by NUL: joined, without elements in it."""
    texts = [joined(data, found.pieces)]
    if found.own != found.pieces:
        texts.append(joined(data, found.own))
    return b"\0".join(texts)


def joined(data: bytes, pieces: list[tuple[int, int]]) -> bytes:
    """The text of several pieces, character references decoded."""
    text = b"".join(data[start:end] for start, end in pieces)
    return (
        html.unescape(text.decode("latin-1")).encode("latin-1", "replace") if b"&" in text else text
    )


def has_cut(data: bytes, pieces: list[tuple[int, int]]) -> bool:
    """Whether a mark stands within a word, or a character is written as a reference."""
    for (_, end), (start, _) in pairwise(pieces):
        if not data[end - 1 : end].isspace() and not data[start : start + 1].isspace():
            return True
    return any(MARK.search(data, start, end) for start, end in pieces)


def may_be_marked(data: bytes, drawing: int) -> bool:
    """Whether a script or style sheet with marks in it may stand inside SVG or MathML.

    Args:
        data: the page's bytes.
        drawing: where the first SVG or MathML in them begins, or 0 if they begin inside one.
    """
    position = _drawn(data, drawing)
    return position >= 0 and any(_contents(data, position))


def _drawn(data: bytes, position: int) -> int:
    """Where a drawing begins that a script may stand in; -1: none of them is such.

    A drawing of usual tags up to its own end tag holds none, be it markup or text.
    """
    while plain := DRAWING.match(data, position):
        found = _DRAWING.search(data, plain.end())
        if found is None:
            return -1
        position = found.start()
    return position


def _contents(data: bytes, position: int) -> Iterator[bool]:
    """For each script and style sheet, whether there are marks in it."""
    for found in _CONTENT.finditer(data, position):
        tag = TAG.match(data, found.start(), found.start() + _NEAR_BYTES)
        if tag is None:
            yield True
            continue
        end = _ENDS[found[1].lower()].search(data, tag.end())
        yield MARK.search(data, tag.end(), end.start() if end else len(data)) is not None
