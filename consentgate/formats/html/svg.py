"""Owns where a page is inside SVG or MathML, and where inside them it is HTML again.

There ``script``, ``style`` and ``title`` are ordinary tags, and tags may close themselves
(WHATWG HTML, 13.2.6.5). Where end tags cross an integration point, parsers differ: then it says so.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

from consentgate.formats.html.plain_tokens import BREAKOUTS, DRAWN

_ROOTS = frozenset((b"svg", b"math"))
_OWN = frozenset((b"svg", b"math", b"script", b"style"))
_DEEPEST = 512
"""Browsers nest no deeper."""
_POINTS = {
    b"svg": frozenset((b"foreignobject", b"desc", b"title")),
    b"math": frozenset((b"mi", b"mo", b"mn", b"ms", b"mtext", b"annotation-xml")),
}
POINTS = _POINTS[b"svg"] | _POINTS[b"math"]
"""Elements of SVG and MathML in which HTML may stand."""
_BREAKOUT = re.compile(BREAKOUTS.encode())
_DRAWN = re.compile(DRAWN.encode())
_FONT = frozenset((b"color", b"face", b"size"))
_MARKUP = frozenset(("text/html", "application/xhtml+xml"))
_VOID = frozenset(
    b"area base br col embed hr img input link meta param source track wbr image keygen".split()
)
_IMPLIED = frozenset(b"p li dd dt option optgroup rb rp rt rtc td th tr tbody thead tfoot".split())
"""Elements that end with their parent."""


def is_breakout(name: bytes, attributes: frozenset[bytes]) -> bool:
    """Whether a start tag belongs to HTML and ends what is foreign."""
    if name == b"font":
        return bool(attributes & _FONT)
    return _BREAKOUT.fullmatch(name) is not None


def _is_only_foreign(name: bytes) -> bool:
    """Whether no element of HTML around SVG or MathML can have the name."""
    return name in POINTS or name in _OWN or _DRAWN.fullmatch(name) is not None


class _Kind(enum.Enum):
    """What an open element makes of the tags inside it."""

    FOREIGN = enum.auto()
    """They are SVG's or MathML's."""
    POINT = enum.auto()
    """They are HTML's, in an element of SVG's or MathML's."""
    HTML = enum.auto()


class Foreign:
    """The open elements that decide whether tags are HTML's; empty outside SVG and MathML."""

    __slots__ = ("_html", "_kinds", "_names", "_roots", "is_doubtful")

    def __init__(self) -> None:
        self._names: list[bytes] = []
        self._kinds: list[_Kind] = []
        self._html = 0
        self._roots: list[bytes] = []
        """What each belongs to: the ``svg`` or ``math`` that is lowest on top of HTML."""
        self.is_doubtful = False
        """Whether it can no longer be told what is HTML's: end tags crossed."""

    def __bool__(self) -> bool:
        """Whether the next tag is read as SVG's or MathML's."""
        return bool(self._kinds) and self._kinds[-1] is _Kind.FOREIGN

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._names)

    @property
    def is_point(self) -> bool:
        """Whether this is HTML inside SVG or MathML."""
        return bool(self._kinds) and self._kinds[-1] is not _Kind.FOREIGN

    @property
    def takes_all(self) -> bool:
        """Whether every tag has to be taken: where HTML is inside, any may end what is around."""
        return self.is_point or self._html > 0

    def ends(self, name: bytes) -> None:
        """Take an end tag."""
        if not self._kinds:
            return
        if self and name in (b"p", b"br"):
            self.leave()
        elif self._kinds[-1] is _Kind.HTML:
            self._ends_html(name)
        else:
            self._ends_foreign(name)

    def _ends_foreign(self, name: bytes) -> None:
        """The nearest of that name ends, with all in it; HTML around it is not looked at."""
        is_point = self.is_point
        at = self._find(name, lambda kind: kind is not _Kind.HTML)
        if at >= 0:
            self._cut(at)
        elif is_point and name not in (b"p", b"br"):
            self.is_doubtful = True  # a nameless element of SVG's may have ended, or none
        elif not is_point and (name in self._names or not _is_only_foreign(name)):
            self.is_doubtful = True  # what is around may have ended, or nothing

    def _ends_html(self, name: bytes) -> None:
        """HTML does not end beyond its integration point; crossed tags are for the browser."""
        at = self._find(name, lambda kind: kind is _Kind.HTML)
        if at < 0:
            self.is_doubtful = self.is_doubtful or name in self._names
            return
        if all(inner in _IMPLIED for inner in self._names[at + 1 :]):
            self._cut(at)
        else:
            self.is_doubtful = True

    def _find(self, name: bytes, is_passed: Callable[[_Kind], bool]) -> int:
        """Where the nearest open element of a name is, among those on top; -1: nowhere."""
        if name not in self._names:
            return -1
        for at in range(len(self._names) - 1, -1, -1):
            if not is_passed(self._kinds[at]):
                return -1
            if self._names[at] == name:
                return at
        return -1

    def _cut(self, at: int) -> None:
        self._html -= self._kinds[at:].count(_Kind.HTML)
        del self._names[at:], self._kinds[at:], self._roots[at:]

    def leave(self) -> None:
        """Go back to HTML: to the nearest integration point, or out."""
        while self:
            self._cut(len(self._names) - 1)

    def starts_html(self, name: bytes) -> None:
        """Take a start tag of HTML's inside an integration point."""
        if name not in _VOID:
            self._push(name, _Kind.HTML)

    def starts(self, name: bytes, encoding: str, *, closes_itself: bool) -> None:
        """Take a start tag of SVG's or MathML's, or one that begins them.

        Args:
            name: lower-case.
            encoding: that attribute of an ``annotation-xml``.
            closes_itself: whether the tag ends in ``/>``.
        """
        if closes_itself:
            return
        if not self:
            self._push(name, _Kind.FOREIGN)
            return
        is_point = name in _POINTS[self._roots[-1]]
        if name == b"annotation-xml" and encoding.lower() not in _MARKUP:
            is_point = False
        if is_point:
            self._push(name, _Kind.POINT)
        elif name == b"svg" and self._roots[-1] == b"math":
            self.is_doubtful = True  # SVG's in an ``annotation-xml``, else MathML's
        elif not _DRAWN.fullmatch(name):
            self._push(name, _Kind.FOREIGN)

    def _push(self, name: bytes, kind: _Kind) -> None:
        if len(self._names) >= _DEEPEST:
            self.is_doubtful = True
            return
        self._roots.append(self._roots[-1] if self else name)
        self._names.append(name)
        self._kinds.append(kind)
        self._html += kind is _Kind.HTML
