"""Owns the facts that the site log has of visitors who granted statistics, and of machines.

Of their headers classes are read and nothing else. The address goes no further than the keyed name.
Never sees a visit of T0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consentgate.asgi.recording.recognition import Recognition
from consentgate.domain.agents import UNSORTED, AgentClasses, Bot, Browser
from consentgate.domain.policy.policy import LogSettings
from consentgate.domain.record import Amounts, Asked, Audience, Statistics, Tier, fields_of
from consentgate.formats.urls.routed import routed_path
from consentgate.formats.urls.scrubbing import has_click_id, kept_query
from consentgate.gates.ended import Ended
from consentgate.gates.records.header_classes import (
    MAX_CHARS,
    MAX_WORD,
    ClassedHeaders,
    Referral,
    country_code,
    hinted,
    language_of,
)
from consentgate.gates.records.known_pages import KnownPages
from consentgate.gates.records.referrers import INTERNAL
from consentgate.lookup.agents import Agents
from consentgate.memo import Memo

CountryOf = Callable[[Ended], str]
"""Gives the country of a visit's place, ISO 3166-1; empty where it is not known."""
MOST_AUDIENCES = 8_192


@dataclass(frozen=True, slots=True)
class Finding:
    """How what is not in memory is found: not at all on the event loop, at leisure in a thread."""

    classes: Callable[[str], AgentClasses | None]
    browser: Callable[[str], Browser | None]
    is_patient: bool = False
    """Whether files may be read, and what is slow may be done."""
    fault: str = ""
    """Why a record says no more than T0, without an agent; empty: it may."""

    @classmethod
    def at_once(cls, agents: Agents) -> Finding:
        """Give what is known, None where it would have to be found out."""
        return cls(agents.classes.get, agents.browsers.get)

    @classmethod
    def patient(cls, agents: Agents) -> Finding:
        """Find out whatever is asked."""
        return cls(agents.classes.__getitem__, agents.browsers.__getitem__, is_patient=True)

    @classmethod
    def nothing(cls, fault: str) -> Finding:
        """Find out nothing: too much waits."""
        return cls(lambda agent: UNSORTED, lambda agent: None, fault=fault)


Source = tuple[str, bytes | None, bytes | None, bytes | None, str]
"""Of what an audience is told: place, languages, brands, platform, agent, each cut to a bound."""


class VisitorFacts:
    """Gives what a line of T1, T2 or TB says beside the facts of T0."""

    def __init__(
        self,
        settings: LogSettings,
        country_of: CountryOf,
        recognition: Recognition | None,
        pages: KnownPages,
    ) -> None:
        """Remember who looks things up.

        Args:
            settings: say which fields are kept.
            country_of: looks up a visit's country where deciding did not.
            recognition: names visitors; None: nobody is named.
            pages: tells the route of the page before.
        """
        self._pages = pages
        self._country_of = country_of
        self._queries = frozenset(settings.query_fields)
        self.path_fields = frozenset(settings.path_fields)
        """Fields of routes whose values may be written."""
        fields = fields_of(Tier.STATISTICS, frozenset(settings.fields))
        self._recognition = recognition if any(one.name == "visitor" for one in fields) else None
        self._audiences: Memo[Source, Audience] = Memo(None, MOST_AUDIENCES)

    def place(self, visit: Ended) -> str:
        """Give the place of a visit: as it was looked up to decide, else looked up now."""
        return self._country_of(visit) if visit.visitor.country is None else visit.visitor.country

    def of_person(
        self,
        visit: Ended,
        agent: str,
        classed: ClassedHeaders,
        referral: Referral,
        amounts: Amounts,
        find: Finding,
        subject: str = "",
        route: str = "",
    ) -> Statistics | None:
        """Give the facts of a visitor who granted statistics; None: some are not known at once."""
        request, now, named = visit.request, visit.now, self._recognition
        audience = self._audience(visit, agent, classed, find)
        if audience is None:
            return None
        name = named.visitor(visit, agent, waits=find.is_patient) if named is not None else ""
        if name is None:
            return None
        query, (_, kind, outer_host, _) = request.query, referral
        facts = (
            amounts,
            now // 60,
            outer_host,
            request.header,
            routed_path(route, request.whole_path, self.path_fields),
            audience,
            Asked(kept_query(query, self._queries), has_click_id(query)) if query else None,
            name,
            subject,
            None,
            self._pages.before(classed[0]) if kind == INTERNAL else "",
        )
        return tuple.__new__(Statistics, facts)  # half of what calling the class costs

    def _audience(
        self, visit: Ended, agent: str, classed: ClassedHeaders, find: Finding
    ) -> Audience | None:
        """Tell country, language and browser; None: the browser is not known at once."""
        _, _, _, _, languages, brands, platform = classed
        country = visit.visitor.country
        source = (
            self._country_of(visit) if country is None else country,
            languages and languages[:MAX_WORD],
            brands and brands[:MAX_CHARS],
            platform and platform[:MAX_WORD],
            agent,
        )
        return self._audiences.get(source) or self._find_audience(source, find)

    def _find_audience(self, source: Source, find: Finding) -> Audience | None:
        place, languages, brands, platform, agent = source
        browser = hinted(brands, platform) or find.browser(agent)
        if browser is None:
            return None
        audience = Audience(country_code(place), language_of(languages), browser)
        self._audiences.put(source, audience)
        return audience

    def of_machine(
        self, visit: Ended, referral: Referral, amounts: Amounts, bot: Bot, route: str
    ) -> Statistics:
        """Give the facts of a declared machine, which is nobody: its address is not read."""
        _, _, outer_host, _ = referral
        return Statistics(
            amounts,
            visit.now // 60,
            outer_host,
            visit.request.header,
            routed_path(route, visit.request.whole_path, self.path_fields),
            Audience(country_code(self.place(visit))),
            bot=bot,
        )
