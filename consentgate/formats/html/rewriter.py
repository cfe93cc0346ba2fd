"""Owns the rewriter: feed a page's bytes, get them back with what is denied made inert.

Reads as a browser without scripting does, so that ``<noscript>`` counts as markup; one with
scripting finds the same. Outside the tags it touches every byte stays; what it does is undone by
taking its insertions out again. Knows addresses and verdicts through a judge; never knows visitors.
"""

from __future__ import annotations

import re
from typing import Final

from consentgate.formats.html.element import (
    CSS_MARK,
    SERVICE,
    UNKNOWN,
    Element,
    Held,
    Hold,
    Judge,
    Waits,
    css_edits,
    denied_in_text,
)
from consentgate.formats.html.scanner import (
    BOGUS,
    CUT,
    ENDS,
    MAX_CARRY_BYTES,
    PLAINTEXT,
    RAW,
    Scanner,
    script_end,
)
from consentgate.formats.html.suspects import MAX_SNIPPET_BYTES, suspects
from consentgate.formats.html.svg import is_breakout
from consentgate.formats.html.svg_text import (
    MARK,
    Marked,
    has_cut,
    joined,
    marked,
    may_be_marked,
    readings,
)
from consentgate.formats.html.tags import ADDRESSING, closes_itself
from consentgate.formats.urls.addresses import Address, address_of, css_cut, in_json

MAX_DEPTH = 3
"""Pages inside attributes of pages; what lies deeper is denied unread."""

_TEXT: Final = RAW | {PLAINTEXT}
_ROOTS: Final = frozenset((b"svg", b"math"))
_GLYPHS: Final = frozenset((b"mglyph", b"malignmark"))
_FRAMES: Final = frozenset((b"iframe", b"embed", b"object"))
_NO_BORDER: Final = frozenset(("0", "no"))
_HIDDEN_SIZES: Final = frozenset(("0", "1", "0px", "1px"))
_BORDER_STYLE = re.compile(r"border\s*:\s*(?:0|none)", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


class Rewriter(Scanner):
    """Makes one streamed page's denied elements inert."""

    __slots__ = (
        "_base",
        "_depth",
        "_drawing",
        "_has_body",
        "_hold",
        "_judge",
        "_noscript_depth",
        "waits",
    )

    def __init__(
        self,
        judge: Judge,
        hold: Hold | None = None,
        *,
        base: Address | None = None,
        depth: int = 0,
    ) -> None:
        """Start a page.

        Args:
            judge: says whose an address is and whether that is denied.
            hold: draws the placeholder of an embedded frame; None: there is none.
            base: what relative addresses are resolved against, if that is another host.
            depth: how many attributes of other pages this page is inside of.
        """
        super().__init__()
        self.waits = Waits()
        """What the elements made inert so far wait for."""
        self._judge = judge
        self._hold = hold
        self._base = base
        self._looks_at_all = base is not None
        self._depth = depth
        self._drawing = -1
        self._has_body = False
        self._noscript_depth = 0

    def _find_suspects(self, data: bytes) -> list[int]:
        found, self._drawing = suspects(data, self._judge)
        return found

    def _is_clear(self, data: bytes) -> bool:
        if self._is_doubtful or self._in_noscript:
            return False
        is_drawn = bool(self._foreign) or self._foreign.is_point
        if self._drawing < 0 and not is_drawn:
            return True
        return not may_be_marked(data, 0 if is_drawn else self._drawing)

    def _style(self, start: int, end: int, *, is_ended: bool) -> int:
        """Take denied addresses out of a style sheet, as far as it can be told."""
        if not is_ended and not self._is_last:
            end = self._held_style(start, end)
        if self._is_suspect(start, end):
            keys, edits = css_edits(self._data[start:end], start, self._judge, self._base)
            self.waits.on(keys)
            self._edits += edits
        return end

    def _held_style(self, start: int, end: int) -> int:
        """Where an address begins that is cut; one that is too long to be held is denied unread."""
        cut = css_cut(self._data[start:end])
        if cut < 0:
            return end
        if end - start - cut <= MAX_CARRY_BYTES:
            return start + cut
        self._edits.append((start + cut + 1, CSS_MARK % UNKNOWN.encode()))
        self.waits.on([UNKNOWN])
        return end

    def _start_tag(self, found: re.Match[bytes], name: bytes) -> int:
        is_foreign = self._foreign and not self._is_doubtful
        return self._foreign_tag(found, name) if is_foreign else self._html_tag(found, name)

    def _end_tag(self, name: bytes) -> None:
        if name == b"noscript" and self._in_noscript:
            self._in_noscript = False
            if self._foreign.depth != self._noscript_depth:
                self._doubt()  # with scripting nothing in it was opened
        self._foreign.ends(name)
        if self._foreign.is_doubtful:
            self._doubt()
        elif name == b"select":
            self._is_doubtful = False
        if name == b"form":
            self._forms.take(is_start=False)
        elif name == b"head":
            self._has_body = True

    def _html_tag(self, found: re.Match[bytes], name: bytes) -> int:
        if name in _TEXT and self._is_doubtful and self._differs(name):
            is_alike = self._reads_alike(found, name)
            if not is_alike:
                return CUT if is_alike is None else self._undone(found)
        if name == PLAINTEXT and self._in_noscript:
            return self._undone(found)
        if self._foreign.is_point and name not in _ROOTS:
            self._foreign.starts_html(name)
            if name in _GLYPHS:
                self._doubt()  # MathML's, or HTML's, by what they stand in
        if name == b"script":
            return self._script(found)
        if self._is_suspect(found.start(), found.end()):
            self._gate(found, name)
        self._note(found, name)
        return self._enter(name, found.end()) if name in _TEXT else found.end()

    def _differs(self, name: bytes) -> bool:
        """Whether browsers differ on what the content is; in a ``select`` they agree on two."""
        return self._foreign.is_doubtful or name not in (b"script", b"textarea")

    def _reads_alike(self, found: re.Match[bytes], name: bytes) -> bool | None:
        """Whether the content is the same as text and as markup; None: it is cut."""
        end = ENDS[name].search(self._data, found.end()) if name in ENDS else None
        if end is None:
            may_wait = name in ENDS and not self._is_last and self._may_wait(found.start())
            return None if may_wait else False
        is_empty = closes_itself(found[3])
        return not is_empty and MARK.search(self._data, found.end(), end.start()) is None

    def _undone(self, found: re.Match[bytes]) -> int:
        """Make a comment of a tag whose content is text to one browser and markup to another."""
        self._edits.append((found.start() + 1, b"!"))
        return self._enter(BOGUS, found.start() + 1)

    def _note(self, found: re.Match[bytes], name: bytes) -> None:
        """Remember what an HTML start tag means for those after it."""
        if name == b"noscript" and not self._in_noscript:
            self._in_noscript = True
            self._noscript_depth = self._foreign.depth
        elif name == b"form":
            self._forms.take(is_start=True)
        elif name == b"body":
            self._has_body = True
        elif name == b"select":
            self._is_doubtful = True
        elif name == b"frameset":
            self._doubt()
        if name in _ROOTS:
            self._start_foreign(found, name, "")

    def _doubt(self) -> None:
        """From here on nobody can tell what is text."""
        self._is_doubtful = self._foreign.is_doubtful = True

    def _start_foreign(self, found: re.Match[bytes], name: bytes, encoding: str) -> None:
        if self._is_doubtful:
            if name in _ROOTS:
                self._doubt()  # older browsers know no SVG in a select
            return
        self._foreign.starts(name, encoding, closes_itself=closes_itself(found[3]))

    def _foreign_tag(self, found: re.Match[bytes], name: bytes) -> int:
        element = self._element(found, name)
        if is_breakout(name, frozenset(element.first)):
            self._foreign.leave()
            return self._html_tag(found, name)
        content: tuple[str, ...] = ()
        if name in (b"script", b"style") and not closes_itself(found[3]):
            content_or_cut = self._foreign_content(found, element)
            if content_or_cut is None:
                return CUT
            content = content_or_cut
        if content or self._is_suspect(found.start(), found.end()):
            self._gate(found, name, content)
        self._start_foreign(found, name, element.text(b"encoding"))
        if self._foreign.is_doubtful:
            self._doubt()
        return found.end()

    def _foreign_content(self, found: re.Match[bytes], element: Element) -> tuple[str, ...] | None:
        """What the content of SVG's script or style sheet gives away; None: it is cut."""
        start, name = found.end(), element.name
        inner = marked(self._data, start, name)
        if inner.end < 0 and not self._is_last and self._may_wait(found.start()):
            return None
        if SERVICE in element.first and name == b"style":
            return ()
        content = self._foreign_style(inner) if name == b"style" else ()
        if not inner.is_clear:
            return (UNKNOWN,)
        return content if name == b"style" else self._judge.knows(readings(self._data, inner))

    def _foreign_style(self, inner: Marked) -> tuple[str, ...]:
        """Take denied addresses out of SVG's style sheet; gives those that marks inside it cut."""
        keys, _ = css_edits(readings(self._data, inner), 0, self._judge, self._base)
        if not keys:
            return ()
        parts = [
            css_edits(self._data[start:end], start, self._judge, self._base)
            for start, end in inner.pieces
        ]
        together, _ = css_edits(joined(self._data, inner.pieces), 0, self._judge, self._base)
        is_whole = sum(len(part) for part, _ in parts) == len(together)
        self.waits.on(keys)
        for _, edits in parts:  # also where it is held: Chromium preloads whatever the type
            self._edits += edits
        return tuple(keys) if has_cut(self._data, inner.pieces) or not is_whole else ()

    def _may_wait(self, start: int) -> bool:
        return len(self._data) - start <= MAX_CARRY_BYTES

    def _script(self, found: re.Match[bytes]) -> int:
        """A script: what it is loaded from, or what its own text gives away."""
        start = found.end()
        end = script_end(self._data, start, 0, len(self._data))[0]
        if end >= 0 and not self._is_suspect(found.start(), end):
            return self._enter(b"script", start)
        element = self._element(found, b"script")
        content: tuple[str, ...] = ()
        if element.is_program and not element.has_source:
            stop = end if end >= 0 else len(self._data)
            if end < 0 and not self._is_last and stop - start <= MAX_SNIPPET_BYTES:
                return CUT
            content = self._content(element, start, stop)
        if content or self._is_suspect(found.start(), found.end()):
            self._gate(found, b"script", content)
        return self._enter(b"script", start)

    def _content(self, element: Element, start: int, stop: int) -> tuple[str, ...]:
        if element.script_type in ADDRESSING:
            text = self._data[start:stop].decode("utf-8", "replace")
            return tuple(denied_in_text(in_json(text), self._judge))
        if stop - start > MAX_SNIPPET_BYTES:
            return ()
        return self._judge.knows(self._data[start:stop])

    def _element(self, found: re.Match[bytes], name: bytes) -> Element:
        return Element(
            self._data, name, found.end(2), found.end(), self._judge, self._base, self._nested
        )

    def _gate(self, found: re.Match[bytes], name: bytes, content: tuple[str, ...] = ()) -> None:
        """Make one element inert if something it loads from is denied."""
        element = self._element(found, name)
        waits, edits, renamed = element.gate(content)
        if name == b"base" and b"href" not in renamed and self._base is None:
            self._take_base(element)
        if not waits:
            return
        is_frame = name in _FRAMES and not self._foreign
        if is_frame and self._hold is not None and self._is_shown(element):
            in_form = self._forms.is_inside(self._data)
            self._edits.append((found.start(), self._hold(_held(element, waits, in_form))))
        self.waits.on(waits.services)
        self.waits.purposes += waits.purposes
        self._edits += edits

    def _take_base(self, element: Element) -> None:
        address = address_of(element.text(b"href"))
        if address is not None and self._judge.hosts[address.host.encode()]:
            self._base = address
            self._looks_at_all = True

    def _is_shown(self, element: Element) -> bool:
        """Whether a visitor would see the frame: vendors hide those that only count."""
        if self._in_noscript and not self._has_body:
            return False  # in the head a placeholder would begin the body
        sizes = {element.text(b"width").strip(), element.text(b"height").strip()}
        is_hidden = b"hidden" in element.first or _HIDDEN_STYLE.search(element.text(b"style"))
        return not is_hidden and not sizes & _HIDDEN_SIZES

    def _nested(self, page: str) -> list[str]:
        """The denied services of a page inside an attribute."""
        if self._depth + 1 >= MAX_DEPTH:
            return [UNKNOWN]
        inner = Rewriter(self._judge, base=self._base, depth=self._depth + 1)
        inner.close(page.encode("utf-8", "replace"))
        return inner.waits.services or ([UNKNOWN] if inner.waits else [])


def _has_border(element: Element) -> bool:
    is_taken_away = element.text(b"frameborder").strip().lower() in _NO_BORDER
    is_styled = _BORDER_STYLE.search(element.text(b"style")) is not None
    return element.name == b"iframe" and not is_taken_away and not is_styled


def _held(element: Element, waits: Waits, in_form: bool) -> Held:
    return Held(
        services=tuple(waits.services),
        purposes=tuple(waits.purposes),
        width=element.text(b"width").strip(),
        height=element.text(b"height").strip(),
        title=element.text(b"title").strip(),
        style=element.text(b"style"),
        has_border=_has_border(element),
        is_in_form=in_form,
        hosts=tuple(dict.fromkeys(element.hosts)),
    )
