"""Owns where a page's head and body open: feed bytes, get bytes with markup put in.

Reads just as much of a document as comes before its body, then gets out of the way. Knows the
tokens that can stand there (WHATWG HTML, 13.2.6.4.1 to 13.2.6.4.7); never knows what it inserts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from consentgate.formats.html.tags import TAG, attributes_of

MAX_CARRY_BYTES = 65_536
"""What may be held back while looking for ``<body>``; beyond it the page passes as it is."""

_LANGUAGE = re.compile(rb"[A-Za-z0-9]{1,8}(?:[-_][A-Za-z0-9]{1,8}){0,7}")
_SPACE = re.compile(rb"[\t\n\f\r ]*+")
_COMMENT_END = re.compile(rb"--!?>")
_RAW_ENDS = {
    name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />])", re.IGNORECASE)
    for name in (b"script", b"style", b"title", b"noframes", b"template", b"noscript")
}
_PLAIN_REST = rb"(?=[\t\n\f\r />])(?>(?:[^<>\"'=]*+(?<=[a-z0-9-])=\"[^\"<>]*+\")*)[^<>\"'=]*+>"
"""Attributes as nearly all are written: values in double quotes, or none."""
_PLAIN = re.compile(
    rb"(?>(?:[\t\n\f\r ]++|<(?:meta|link)"
    + _PLAIN_REST
    + rb"|<title>[^<]*+</title>|<script"
    + _PLAIN_REST
    + rb"[^<]*+</script>)*)"
)
"""What most heads are made of, passed at once; the first other thing is looked at by name."""
_HEAD_VOID = frozenset((b"base", b"basefont", b"bgsound", b"link", b"meta"))
_IMPLIES_BODY = -2
_DOCUMENT = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*(?:<!doctype[\t\n\f\r >]|<html[\t\n\f\r />]|"
    rb"<head[\t\n\f\r />]|<body[\t\n\f\r />])",
    re.IGNORECASE,
)


Opening = bytes | Callable[[bytes, bool], bytes]
"""What goes after ``<body>``: bytes, or what gives them for the page's language tag, which is
ASCII, as ``<html lang>`` has it, and empty where the page states none; and for whether addresses
without a host lead to another site, by ``<base href>``."""
_ELSEWHERE = re.compile(rb"[\t\n\f\r ]*(?:[A-Za-z][A-Za-z0-9+.-]*:|[/\\][/\\])")
"""What an address begins with that names a scheme or a host."""


class Openings:
    """Puts bytes into a streamed page: into its head, and right after ``<body>``.

    Only a full document is touched: one that begins with a doctype, ``<html``, ``<head`` or
    ``<body``. A fragment passes as it is.
    """

    __slots__ = (
        "_carry",
        "_head",
        "_head_at",
        "_is_document",
        "_is_done",
        "_opening",
        "_position",
        "is_based",
        "language",
    )

    def __init__(self, head: bytes, opening: Opening) -> None:
        self.language = b""
        """The page's language tag, once its ``<html lang>`` was seen (COL-14)."""
        self.is_based = False
        """Whether the head's ``<base>`` has addresses without a host lead to another site."""
        self._head = head
        self._opening = opening
        self._carry = b""
        self._position = 0
        self._head_at = -1
        self._is_document = False
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body, give what may go on."""
        if self._is_done:
            return data
        data = self._carry + data if self._carry else data
        if not self._is_document and not self._begins(data):
            return self._release(data) if self._is_done else self._hold(data)
        at = self._find_body(data)
        if at >= 0:
            return self._release(self._put_in(data, at))
        if len(data) > MAX_CARRY_BYTES:
            self._is_done = True
            return self._release(data)
        return self._hold(data)

    def close(self) -> bytes:
        """Give what is left when the body ends; a page without content gets its markup now."""
        if self._is_done:
            return b""
        data, self._is_done = self._carry, True
        self._carry = b""
        return self._put_in(data, len(data)) if self._is_document else data

    @property
    def carry(self) -> bytes:
        """What was fed and is still held back."""
        return self._carry

    def _hold(self, data: bytes) -> bytes:
        self._carry = data
        return b""

    def _release(self, data: bytes) -> bytes:
        self._carry = b""
        self._is_done = True
        return data

    def _begins(self, data: bytes) -> bool:
        """Whether this is a full document; comments may come first."""
        start = self._skip_comments(data)
        if _DOCUMENT.match(data, start):
            self._is_document = True
            self._position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
            return True
        rest = data[start : start + 16].lower().lstrip(b"\xef\xbb\xbf\t\n\f\r ")
        is_undecided = len(data) - start < 16 and _may_become_document(rest)
        self._is_done = not is_undecided
        return False

    def _skip_comments(self, data: bytes) -> int:
        position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        while True:
            at = _end_of(_SPACE, data, position)
            if not data.startswith(b"<!--", at):
                return position
            end = _comment_end(data, at)
            if end < 0:
                return position if len(data) > MAX_CARRY_BYTES else len(data)
            position = end

    def _find_body(self, data: bytes) -> int:
        """Where the opening goes; -1 while that is not in the data."""
        while True:
            passed = _PLAIN if self._head_at >= 0 else _SPACE
            at = self._position = _end_of(passed, data, self._position)
            if at >= len(data):
                return -1
            if data[at] != 0x3C:  # text implies the body
                return self._body_at(at)
            if data.startswith((b"<!", b"<?"), at):
                end = _declaration_end(data, at)
            else:
                found = TAG.match(data, at)
                if found is None:
                    return -1 if _may_be_cut(data, at) else self._body_at(at)
                if found[2].lower() == b"body" and not found[1]:
                    self._body_at(at)
                    return found.end()
                end = self._step(data, found, found[2].lower())
                if end == _IMPLIES_BODY:
                    return self._body_at(at)
            if end < 0:
                return -1
            self._position = end

    def _step(self, data: bytes, found: re.Match[bytes], name: bytes) -> int:
        """Pass one tag of the prolog or head; -1: it is cut."""
        if found[1] or name == b"html":
            if not found[1] and not self.language:
                self.language = _language(found[0])
            return found.end()
        if name == b"head":
            self._head_at = found.end()
            return found.end()
        if name == b"frameset":
            self._opening = b""  # any other markup here would take the frames' place
        if name not in _HEAD_VOID and name not in _RAW_ENDS:
            return _IMPLIES_BODY
        if name == b"base" and not self.is_based:
            self.is_based = _leads_elsewhere(found[0])
        if self._head_at < 0:
            self._head_at = found.start()
        return found.end() if name in _HEAD_VOID else _raw_end(data, found.end(), name)

    def _body_at(self, position: int) -> int:
        if self._head_at < 0:
            self._head_at = position
        return position

    def _put_in(self, data: bytes, at: int) -> bytes:
        head_at = self._head_at if self._head_at >= 0 else at
        opening = (
            self._opening
            if isinstance(self._opening, bytes)
            else self._opening(self.language, self.is_based)
        )
        return b"".join((data[:head_at], self._head, data[head_at:at], opening, data[at:]))


def language_in(start: bytes) -> bytes:
    """The language that the first bytes of a page state; empty where they state none."""
    return start_of(start)[0]


def start_of(start: bytes) -> tuple[bytes, bool]:
    """The language that the first bytes of a page state, empty for none, and ``is_based``."""
    openings = Openings(b"", b"")
    openings.feed(start)
    return openings.language, openings.is_based


def _leads_elsewhere(tag: bytes) -> bool:
    """Whether a ``<base>`` names a host or a scheme."""
    for attribute in attributes_of(tag, len("<base"), len(tag) - 1):
        if attribute.name == b"href":
            return _ELSEWHERE.match(attribute.value) is not None
    return False


def _language(tag: bytes) -> bytes:
    """The value of a start tag's first ``lang``; empty where there is none or it is no tag."""
    for attribute in attributes_of(tag, len("<html"), len(tag) - 1):
        if attribute.name == b"lang":
            value = attribute.value.strip(b"\t\n\f\r ")
            return value if _LANGUAGE.fullmatch(value) else b""
    return b""


def _may_become_document(rest: bytes) -> bool:
    starts = (b"<!doctype", b"<html", b"<head", b"<body", b"<!--")
    return any(start.startswith(rest) for start in starts) or rest in starts


def _end_of(pattern: re.Pattern[bytes], data: bytes, position: int) -> int:
    found = pattern.match(data, position)
    return found.end() if found else position


def _comment_end(data: bytes, at: int) -> int:
    """End of the comment that starts at ``at``; -1: not in the data."""
    if data.startswith(b"<!-->", at):
        return at + 5
    if data.startswith(b"<!--->", at):
        return at + 6
    found = _COMMENT_END.search(data, at + 4)
    return found.end() if found else -1


def _declaration_end(data: bytes, at: int) -> int:
    if data.startswith(b"<!--", at):
        return _comment_end(data, at)
    if b"<!--".startswith(data[at : at + 4]):
        return -1  # "<!-" could still become a comment
    end = data.find(b">", at)
    return end + 1 if end >= 0 else -1


def _may_be_cut(data: bytes, position: int) -> bool:
    """Whether the bytes from ``<`` on are the start of a tag that has not ended yet."""
    after = data[position + 1 : position + 3]
    if not after or after == b"/":
        return True
    is_tag = after[:1].isalpha() or (after[:1] == b"/" and after[1:2].isalpha())
    return is_tag and len(data) - position <= MAX_CARRY_BYTES


def _raw_end(data: bytes, start: int, name: bytes) -> int:
    """End of a raw text element's end tag; -1: not in the data."""
    found = _RAW_ENDS[name].search(data, start)
    if found is None:
        return -1
    if name == b"script":
        found = _script_end(data, start, found)
        if found is None:
            return -1
    end = data.find(b">", found.end())
    return end + 1 if end >= 0 else -1


_SCRIPT_OPEN = re.compile(rb"<script(?=[\t\n\f\r />])", re.IGNORECASE)


def _script_end(data: bytes, start: int, found: re.Match[bytes]) -> re.Match[bytes] | None:
    """The end tag that really ends a script: ``<!--`` and ``<script`` inside double-escape it."""
    ends = _RAW_ENDS[b"script"]
    end: re.Match[bytes] | None = found
    position = start
    while end is not None:
        escape = data.find(b"<!--", position, end.start())
        if escape < 0:
            return end
        close = data.find(b"-->", escape + 2)
        inner = _SCRIPT_OPEN.search(data, escape + 4, end.start())
        if inner is None or 0 <= close < inner.start():
            if 0 <= close < end.start():
                position = close + 3
                continue
            return end
        # double-escaped: this end tag only ends the inner one
        position = end.end()
        if 0 <= close < position:
            position = close + 3
            end = ends.search(data, max(position, end.start()))
            continue
        end = ends.search(data, position)
        if close >= 0 and end is not None and close < end.start():
            position = close + 3
    return None
