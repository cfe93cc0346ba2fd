"""Owns where the tokens of a streamed page end, and what a cut one holds back.

The states of the HTML tokenizer that matter here (WHATWG HTML, 13.2.5), by explicit name; the
tags themselves belong to whoever builds on it. Never knows what is denied.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from consentgate.formats.html.noscript import END, HELD_BYTES, closing
from consentgate.formats.html.plain_tokens import (
    DOUBTFUL,
    FOREIGN,
    HARMLESS,
    HTML,
    RAW_TEXT,
    Forms,
)
from consentgate.formats.html.svg import Foreign
from consentgate.formats.html.tags import TAG

MAX_CARRY_BYTES = 65_536
"""What may be held back of a tag that has not ended; beyond it the tag becomes a comment."""
RAW: Final = frozenset(name.encode() for name in (*RAW_TEXT, "script"))
"""Elements whose content is text."""
ENDS = {name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />])", re.IGNORECASE) for name in RAW}
"""Where the content of each can end."""
PLAINTEXT: Final = b"plaintext"
CUT: Final = -1
"""Instead of a place: the token has not ended yet."""
Edit = tuple[int, bytes]
"""A place in the data, and what is put in there."""

_SCRIPT_TURNS = re.compile(rb"<!--|-->|</?script(?=[\t\n\f\r />])", re.IGNORECASE)
_SCRIPT_TAIL_BYTES = 9
_COMMENT_END = re.compile(rb"--!?>")
BOGUS: Final = b"<!"
"""Inside what is no declaration and becomes a comment up to the next ``>``."""
_COMMENT, _CDATA = b"<!--", b"<![CDATA["


class Scanner:
    """Walks a page token by token, over any cut of its bytes."""

    __slots__ = (
        "_carry",
        "_data",
        "_edits",
        "_foreign",
        "_forms",
        "_in_noscript",
        "_inside",
        "_is_doubtful",
        "_is_last",
        "_looks_at_all",
        "_noscript_end",
        "_suspects",
        "_turn",
        "overlong",
    )

    def __init__(self) -> None:
        self.overlong = 0
        """Tags that were too long to be held back, and became comments."""
        self._looks_at_all = False
        self._carry = b""
        self._data = b""
        self._edits: list[Edit] = []
        self._suspects: list[int] = []
        self._is_last = False
        self._is_doubtful = False
        self._inside = b""
        self._turn = 0
        self._foreign = Foreign()
        self._forms = Forms()
        self._in_noscript = False
        self._noscript_end = -1

    def _find_suspects(self, data: bytes) -> list[int]:
        """Places whose tokens have to be looked at."""
        raise NotImplementedError

    def _is_clear(self, data: bytes) -> bool:
        """Whether the last bytes, with no such place, need no look."""
        raise NotImplementedError

    def _start_tag(self, found: re.Match[bytes], name: bytes) -> int:
        """Take a start tag; gives where to go on, or CUT."""
        raise NotImplementedError

    def _end_tag(self, name: bytes) -> None:
        """Take an end tag."""
        raise NotImplementedError

    def _style(self, start: int, end: int, *, is_ended: bool) -> int:
        """Take a piece of a style sheet; gives how far it is decided."""
        raise NotImplementedError

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the page, give what is decided; the same object if it may."""
        self._is_last = False
        return self._step(data)

    def close(self, data: bytes = b"") -> bytes:
        """Take the last bytes of the page, give all that is left."""
        self._is_last = True
        return self._step(data)

    @property
    def carry(self) -> bytes:
        """What was fed and is still held back."""
        return self._carry

    def _step(self, data: bytes) -> bytes:
        whole = self._carry + data if self._carry else data
        self._suspects = self._find_suspects(whole)
        is_idle = self._is_last and not self._suspects and not self._looks_at_all
        if is_idle and self._is_clear(whole):
            self._carry = b""
            return whole
        self._data = whole
        self._noscript_end = -1
        end = self._scan()
        self._forms.is_inside(whole)
        self._carry = whole[end:]
        edits, self._data = self._edits, b""
        # a style sheet inside SVG may have been decided beyond a tag in it that is still cut
        self._edits = [(place - end, inserted) for place, inserted in edits if place >= end]
        if self._edits:
            edits = [edit for edit in edits if edit[0] < end]
        if not edits:
            return whole[:end] if end < len(whole) else whole
        return spliced(whole, end, edits)

    def _scan(self) -> int:
        """Pass over the data; gives the end of what is decided."""
        length = len(self._data)
        position = 0
        while position < length:
            if self._inside:
                position = self._through(position)
                if self._inside:
                    break
                continue
            position = self._skip(position)
            if position >= length:
                break
            after = self._token(position)
            if after == CUT:
                break
            position = after
        return length if self._is_last else min(position, length)

    def _skip(self, position: int) -> int:
        """Pass what needs no look; gives the place of a ``<``, or the end."""
        data, length = self._data, len(self._data)
        if self._looks_at_all or self._in_noscript or self._foreign.takes_all:
            found = data.find(b"<", position)
            return found if found >= 0 else length
        skipping = DOUBTFUL if self._is_doubtful else FOREIGN if self._foreign else HTML
        at = bisect_left(self._suspects, position)
        while True:
            limit = self._suspects[at] if at < len(self._suspects) else length
            if limit >= position:
                found = skipping.end(data, position, limit, self._forms)
                if found < limit or limit == length or data[limit] == 0x3C:
                    passed = HARMLESS.match(data, found) if skipping is HTML else None
                    if passed is None:
                        return found
                    position = passed.end()
                    at = bisect_left(self._suspects, position, at)
                    continue
                position = found
            at += 1

    def _is_suspect(self, start: int, end: int) -> bool:
        if self._looks_at_all:
            return True
        at = bisect_left(self._suspects, start)
        return at < len(self._suspects) and self._suspects[at] < end

    def _token(self, at: int) -> int:
        """Take one token that starts with ``<``; gives where it ends, or that it is cut."""
        second = self._data[at + 1 : at + 2]
        if second == b"/":
            second = self._data[at + 2 : at + 3]
            if second and not second.isalpha():
                return self._enter(BOGUS, at + 2)
        elif second == b"!":
            return self._declaration(at)
        elif second == b"?":
            return self._enter(BOGUS, at + 2)
        elif second and not second.isalpha():
            return at + 1
        if not second:
            return CUT
        return self._tag(at)

    def _enter(self, inside: bytes, position: int) -> int:
        self._inside = inside
        self._turn = 0
        return position

    def _declaration(self, at: int) -> int:
        head = self._data[at : at + 9]
        if self._is_doubtful and _CDATA.startswith(head):
            if head != _CDATA:
                return CUT
            self._edits.append((at + 2, b" "))
            return self._enter(BOGUS, at + 2)
        if self._foreign and _CDATA.startswith(head):
            return self._enter(_CDATA, at + 9) if head == _CDATA else CUT
        if not head.startswith(_COMMENT):
            return CUT if _COMMENT.startswith(head) else self._enter(BOGUS, at + 2)
        short = self._data[at + 4 : at + 6]
        if short[:1] == b">":
            return at + 5
        if short == b"->":
            return at + 6
        return self._enter(_COMMENT, at + 4) if len(short) == 2 or self._is_last else CUT

    def _through(self, position: int) -> int:
        """Go on inside a comment or raw text; gives how far, and whether it ended in _inside."""
        length = len(self._data)
        if not self._in_noscript:
            return self._through_to(position, length, is_whole=self._is_last)
        stop = self._noscript_stop(position)
        is_ended = stop < length
        if not is_ended and not self._is_last:
            stop = max(position, length - HELD_BYTES)
        position = self._through_to(position, stop, is_whole=is_ended or self._is_last)
        if self._inside and is_ended:
            self._edits.append((stop, closing(self._inside, self._turn)))
            return self._leave(stop)
        return position

    def _noscript_stop(self, position: int) -> int:
        """Where ``</noscript`` stands next; the end of the data if it does not."""
        if self._noscript_end < position:
            found = END.search(self._data, position)
            self._noscript_end = found.start() if found else len(self._data)
        return self._noscript_end

    def _through_to(self, position: int, limit: int, *, is_whole: bool) -> int:
        """The same up to a limit; is_whole: nothing that goes on behind it belongs to it."""
        data, inside = self._data, self._inside
        if inside == _COMMENT:
            found = _COMMENT_END.search(data, position, limit)
            return self._leave(found.end()) if found else max(position, limit - 3)
        if inside in (BOGUS, _CDATA):
            mark = b">" if inside == BOGUS else b"]]>"
            end = data.find(mark, position, limit)
            if end >= 0:
                return self._leave(end + len(mark))
            return max(position, limit - len(mark) + 1)
        if inside == PLAINTEXT:
            return limit
        if inside == b"script":
            return self._through_script(position, limit)
        found = ENDS[inside].search(data, position, limit)
        held = 0 if is_whole else len(inside) + 2
        end = found.start() if found else max(position, limit - held)
        if inside == b"style":
            end = self._style(position, end, is_ended=is_whole or found is not None)
        return self._leave(end) if found else end

    def _leave(self, position: int) -> int:
        self._inside = b""
        return position

    def _through_script(self, position: int, limit: int) -> int:
        end, position, self._turn = script_end(self._data, position, self._turn, limit)
        if end >= 0:
            return self._leave(end)
        return max(position, limit - _SCRIPT_TAIL_BYTES)

    def _tag(self, at: int) -> int:
        stop = self._noscript_stop(at) if self._in_noscript else at
        is_ended = at < stop < len(self._data)
        found = TAG.match(self._data, at, stop) if is_ended else TAG.match(self._data, at)
        if found is None:
            return self._ended_tag(at, stop) if is_ended else self._unended_tag(at)
        if not found[1]:
            return self._start_tag(found, found[2].lower())
        self._end_tag(found[2].lower())
        return found.end()

    def _ended_tag(self, at: int, stop: int) -> int:
        """A tag with the end of a ``noscript`` in it: it is made a comment that ends before it.

        A ``>`` in its attributes ends the comment already: what follows is markup then.
        """
        self._edits.append((at + 1, b"!"))
        end = self._data.find(b">", at, stop)
        if end >= 0:
            return end + 1
        self._edits.append((stop, b">"))
        return stop

    def _unended_tag(self, at: int) -> int:
        """A tag whose attributes cannot be known must not become one: it is made a comment."""
        if self._is_last or len(self._data) - at <= MAX_CARRY_BYTES:
            return CUT
        self.overlong += 1
        self._edits.append((at + 1, b"!"))
        return self._enter(BOGUS, at + 1)


def script_end(data: bytes, position: int, turn: int, limit: int) -> tuple[int, int, int]:
    """Find the end tag that really ends a script (13.2.5.15 to 13.2.5.31).

    Args:
        data: the page's bytes.
        position: where to go on.
        turn: 0 plain, 1 after ``<!--``, 2 after a ``<script`` within that.
        limit: nothing is looked at beyond it.

    Returns:
        where the end tag starts or -1, where to go on, and the turn there.
    """
    while found := _SCRIPT_TURNS.search(data, position, limit):
        position = found.end()
        mark = found[0][:2].lower()
        if mark == b"</":
            if turn < 2:
                return found.start(), position, turn
            turn = 1
        elif mark == b"<!":
            turn = max(turn, 1)
            position = found.start() + 2
        elif mark == b"--":
            turn = 0
        elif turn == 1:
            turn = 2
    return -1, position, turn


def spliced(data: bytes, end: int, edits: list[Edit]) -> bytes:
    """The data up to ``end`` with every insertion in its place."""
    pieces: list[bytes] = []
    position = 0
    for place, inserted in sorted(edits, key=_place):
        pieces += (data[position:place], inserted)
        position = place
    pieces.append(data[position:end])
    return b"".join(pieces)


def _place(edit: Edit) -> tuple[int, bool]:
    """Where an edit goes; what is put before an address stays right before it."""
    return edit[0], edit[1].endswith(b":")
