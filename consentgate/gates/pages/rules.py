"""Owns sets of speculation rules that come as files of their own (``Speculation-Rules``).

A browser fetches ahead what they name, and no policy of the page keeps it from that. Never knows
rules that stand in a page: those are the rewriter's.
"""

from __future__ import annotations

from typing import Final

from consentgate.formats.headers import Headers
from consentgate.formats.html.element import Judge, denied_in_text
from consentgate.formats.urls.addresses import in_json
from consentgate.gates.gated import NOTHING
from consentgate.gates.headers.caching import VISITOR, with_private, with_vary
from consentgate.gates.outcomes import Outcome
from consentgate.gates.pages.documents import without_stale
from consentgate.gates.pages.site_verdicts import site_verdicts
from consentgate.gates.request import Request

_MOST_BYTES: Final = 65_536
_NONE: Final = b"{}"
"""A set without a rule."""


def open_rules(headers: Headers, outcome: Outcome, request: Request) -> tuple[Headers, Rules]:
    """Get ready to judge a set of rules; it is this visitor's alone.

    What is compressed cannot be read, and is taken for a set that names somebody denied.
    """
    judge = site_verdicts(outcome.for_page, request.own_host)
    plain = [pair for pair in headers if pair[0].lower() != b"content-encoding"]
    is_read = len(plain) == len(headers)
    headers = with_private(with_vary(without_stale(plain), VISITOR))
    return headers, Rules(judge, is_read=is_read)


class Rules:
    """A set on its way: it goes on whole, or none of it does."""

    __slots__ = ("_data", "_is_read", "_judge")
    found = NOTHING
    """Pages tell of the hosts that they name; rules add none."""

    def __init__(self, judge: Judge, *, is_read: bool) -> None:
        """Start with nothing.

        Args:
            judge: says whose an address is.
            is_read: whether the bytes are text.
        """
        self._judge = judge
        self._is_read = is_read
        self._data = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; nothing goes on before the last."""
        self._data = (self._data + data)[: _MOST_BYTES + 1]
        return b""

    def close(self, data: bytes) -> bytes:
        """Take the last bytes, give the set or an empty one."""
        whole = self._data + data
        if not self._is_read or len(whole) > _MOST_BYTES:
            return _NONE
        text = in_json(whole.decode("utf-8", "replace"))
        return whole if next(denied_in_text(text, self._judge), None) is None else _NONE

    def owed(self, data: bytes) -> bytes:
        """What still goes on where a gate failed: nothing."""
        return b""
