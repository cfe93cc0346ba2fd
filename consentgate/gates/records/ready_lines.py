"""Owns lines of the site log that are ready but for a few facts; the same bytes as from builders.

The builders make what lines have in common once. It is remembered under what can make it another:
for operational lines that is nothing of the visitor's own, and the others say no more than the
record that they stand for. Never sees an address, a path before it is scrubbed, or an agent.
"""

from __future__ import annotations

from collections.abc import Callable

from consentgate.domain.agents import Browser
from consentgate.gates.records.header_classes import (
    MAX_CHARS,
    MAX_WORD,
    country_code,
    hinted,
    language_of,
)
from consentgate.gates.records.site_information import (
    Operational,
    Statistics,
    hour_of,
    operational_template,
    statistics_template,
    statistics_text,
)
from consentgate.memo import Memo

MOST_LINES = 4_096
MOST_LANGUAGES = 1_024
MOST_COUNTRIES = 512
MOST_HINTS = 1_024
MOST_ROUTE = 256
Case = tuple[int, str, str, int, str, str, bool, bool, tuple[str, ...]]
"""What T0 says of a visit besides size and duration: hour, method, route, status, referrer's class,
device, whether a visit begins, whether it is suspect, signals."""


class ReadyLines:
    """Lines and parts of lines, by what they say."""

    def __init__(self, version: str, encode: Callable[[object], bytes]) -> None:
        """Start with none.

        Args:
            version: the policy's label.
            encode: makes a line of a record, compact JSON, line break included.
        """
        self._version = version
        self._encode = encode
        self.operational: Memo[Case, bytes] = Memo(self._operational, MOST_LINES)
        """By case: the line of T0, with ``%d`` for size and duration."""
        self.statistics: Memo[tuple[Case, str], bytes] = Memo(self._statistics, MOST_LINES)
        """By case and referrer's host: the beginning of a line of T1, up to its path, with ``%b``
        for the minute and ``%d`` for size and duration."""
        self.country: Memo[str, bytes] = Memo(self._country, MOST_COUNTRIES)
        """By place: what T1 says of its country."""
        self.language: Memo[bytes | None, bytes] = Memo(
            self._language, MOST_LANGUAGES, is_small=lambda header: len(header or b"") <= MAX_WORD
        )
        """By ``Accept-Language``: what T1 says of it."""

        self.hinted: Memo[tuple[bytes | None, bytes | None], bytes] = Memo(
            self._hinted, MOST_HINTS, is_small=_are_small
        )
        """By ``Sec-CH-UA`` and its platform: what T1 says of the browser; empty: not known."""

    def facts(self, case: Case, bytes_out: int = 0, duration_us: int = 0) -> Operational:
        """The facts of a case, for a builder."""
        hour, method, route, status, kind, device, is_entry, is_suspect, signals = case
        return Operational(
            hour=hour_of(hour * 3_600),
            method=method,
            route=route[:MOST_ROUTE],
            status=status,
            bytes_out=bytes_out,
            duration_us=duration_us,
            referrer_class=kind,
            device=device,
            is_entry=is_entry,
            is_suspect=is_suspect,
            signals=signals,
            version=self._version,
        )

    def browser(self, browser: Browser | None) -> bytes:
        """What T1 says of a browser."""
        return self._text(Statistics(minute="", path="", browser=browser))

    def path(self, path: str) -> bytes:
        """A scrubbed path as a line has it."""
        return self._encode(path)[:-1]

    def _operational(self, case: Case) -> bytes:
        return operational_template(self.facts(case), self._encode)

    def _statistics(self, question: tuple[Case, str]) -> bytes:
        case, host = question
        return statistics_template(self.facts(case), host, self._encode)

    def _country(self, place: str) -> bytes:
        return self._text(Statistics(minute="", path="", country=country_code(place)))

    def _language(self, header: bytes | None) -> bytes:
        return self._text(Statistics(minute="", path="", language=language_of(header)))

    def _hinted(self, hints: tuple[bytes | None, bytes | None]) -> bytes:
        return self.browser(hinted(*hints))

    def _text(self, more: Statistics) -> bytes:
        return statistics_text(more, self._encode)


def _are_small(hints: tuple[bytes | None, bytes | None]) -> bool:
    return all(len(hint or b"") <= MAX_CHARS for hint in hints)
