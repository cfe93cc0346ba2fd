"""Owns what the site log says of visitors who granted statistics (T1, T2); T0 never comes here.

Of their headers classes are read and nothing else; the address goes no further than the keyed name.
"""

from __future__ import annotations

from collections.abc import Callable

from consentgate.asgi.recording.recognition import Recognition
from consentgate.domain.policy.policy import LogSettings
from consentgate.formats.urls.scrubbing import has_click_id, kept_query, scrubbed_path
from consentgate.gates.ended import Ended
from consentgate.gates.records.header_classes import (
    Seen,
    country_code,
    hinted,
    language_of,
    shown_in,
)
from consentgate.gates.records.ready_lines import Case, ReadyLines
from consentgate.gates.records.site_information import (
    Record,
    Statistics,
    longitudinal_record,
    minute_of,
    statistics_record,
    two_digits,
)
from consentgate.lookup.agents import Agents

CountryOf = Callable[[Ended], str]
"""Gives the country of a visit's place, ISO 3166-1; empty where it is not known."""


class VisitorLines:
    """Makes records and lines of visits whose visitors granted statistics."""

    def __init__(
        self,
        settings: LogSettings,
        lines: ReadyLines,
        agents: Agents,
        country_of: CountryOf,
        recognition: Recognition | None,
    ) -> None:
        self._lines = lines
        self._agents = agents
        self._country_of = country_of
        self._recognition = recognition
        self._queries = frozenset(settings.query_fields)

    def place(self, visit: Ended) -> str:
        """The place of a visit: as it was looked up to decide, else looked up now."""
        return self._country_of(visit) if visit.visitor.country is None else visit.visitor.country

    def country(self, visit: Ended) -> str:
        """Its country; empty where it is not known."""
        return country_code(self.place(visit))

    def is_ready(self, visit: Ended) -> bool:
        """Whether the parts of its line are ready: declared query fields are a visitor's own."""
        return not (self._queries and visit.request.query)

    def line(
        self, visit: Ended, seen: Seen, case: Case, referrer_host: str, duration_us: int
    ) -> bytes:
        """The line of T1 that ``record`` would become, of parts that are ready."""
        lines = self._lines
        shown = visit.request.classed or shown_in(visit.request.headers)
        _, _, _, _, languages, brands, platform = shown
        minute = minute_of(visit.now // 60 * 60).encode()
        size, duration = two_digits(visit.bytes_out), two_digits(duration_us)
        query = visit.request.query
        visitor = self._visitor(visit, seen)
        parts = (
            lines.statistics[case, referrer_host] % (minute, size, duration),
            lines.path(scrubbed_path(visit.request.whole_path)),
            b',"paid":true' if query and has_click_id(query) else b"",
            lines.country[self.place(visit)],
            lines.language[languages],
            lines.hinted[brands, platform] or self._browser(seen),
            b',"visitor":"%b"}\n' % visitor.encode() if visitor else b"}\n",
        )
        return b"".join(parts)

    def record(
        self,
        visit: Ended,
        seen: Seen,
        case: Case,
        referrer_host: str,
        duration_us: int,
        subject: str = "",
    ) -> Record:
        """The record of T1; of T2 with the month's subject."""
        facts = self._lines.facts(case, visit.bytes_out, duration_us)
        more = self.statistics(visit, seen, referrer_host)
        if subject:
            return longitudinal_record(facts, more, subject)
        return statistics_record(facts, more)

    def statistics(self, visit: Ended, seen: Seen, referrer_host: str) -> Statistics:
        """What a record says in addition to T0."""
        query = visit.request.query
        shown = visit.request.classed or shown_in(visit.request.headers)
        _, _, _, _, languages, brands, platform = shown
        known = hinted(brands, platform)
        return Statistics(
            minute=minute_of(visit.now // 60 * 60),
            path=scrubbed_path(visit.request.whole_path),
            query=kept_query(query, self._queries) if query else {},
            is_paid=bool(query) and has_click_id(query),
            referrer_host=referrer_host,
            country=self.country(visit),
            language=language_of(languages),
            browser=known or (self._agents.browser(seen.agent) if seen.agent else None),
            visitor=self._visitor(visit, seen),
        )

    def _browser(self, seen: Seen) -> bytes:
        """What a line says of the browser by its agent."""
        if seen.told is None:
            browser = self._agents.browser(seen.agent) if seen.agent else None
            seen.told = self._lines.browser(browser)
        return seen.told

    def _visitor(self, visit: Ended, seen: Seen) -> str:
        known = self._recognition
        return known.visitor(visit, seen.agent) if known is not None else ""
