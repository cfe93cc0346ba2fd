"""Owns where a page is inside SVG or MathML, and where inside them it is HTML again.

There ``script``, ``style`` and ``title`` are ordinary tags, and tags may close themselves
(WHATWG HTML, 13.2.6.5).
"""

from __future__ import annotations

import re

from consentgate.formats.html_skipping import BREAKOUTS

_ROOTS = frozenset((b"svg", b"math"))
_POINTS = {
    b"svg": frozenset((b"foreignobject", b"desc", b"title")),
    b"math": frozenset((b"mi", b"mo", b"mn", b"ms", b"mtext", b"annotation-xml")),
}
_BREAKOUT = re.compile(BREAKOUTS.encode())
_FONT = frozenset((b"color", b"face", b"size"))
_MARKUP = frozenset(("text/html", "application/xhtml+xml"))


class Foreign:
    """The open elements that decide whether tags are HTML's."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[bytes] = []

    def __bool__(self) -> bool:
        """Whether the next tag is read as SVG's or MathML's."""
        return bool(self._open) and self._open[-1] in _ROOTS

    def ends(self, name: bytes) -> None:
        """Take an end tag."""
        if name in (b"p", b"br"):
            self.leave()
        elif name in self._open:
            while self._open.pop() != name:
                pass

    def leave(self) -> None:
        """Go back to HTML: to the nearest integration point, or out."""
        while self:
            self._open.pop()

    def is_left_by(self, name: bytes, attributes: frozenset[bytes]) -> bool:
        """Whether a start tag belongs to HTML and ends what is foreign."""
        if name == b"font":
            return bool(attributes & _FONT)
        return _BREAKOUT.fullmatch(name) is not None

    def starts(self, name: bytes, encoding: str, *, closes_itself: bool) -> None:
        """Take a start tag; ``encoding`` is that attribute of an ``annotation-xml``."""
        if closes_itself:
            return
        points = _POINTS.get(self._open[-1], frozenset()) if self._open else frozenset()
        if name == b"annotation-xml" and encoding.lower() not in _MARKUP:
            return
        if name in _ROOTS or name in points:
            self._open.append(name)
