"""Owns how a finished visit becomes an access record; fails closed to the operational one.

The tier is chosen first, from the decision and from what the agent declares itself to be; the
address is read for T1 alone, and goes no further than the keyed visitor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from consentgate.asgi.recognition import Recognition
from consentgate.asgi.routes import OWN_ROUTE
from consentgate.domain.agents import Browser, Looks
from consentgate.domain.policy import LogSettings, Policy
from consentgate.domain.record import SCHEMA, Tier
from consentgate.formats.client_hints import hinted_browser
from consentgate.formats.paths import has_click_id, kept_query, scrubbed_path
from consentgate.formats.templates import UNMATCHED, Templates
from consentgate.gates.origins import (
    is_entry,
    origin_of,
    primary_language,
    referrer_class,
    without_path,
)
from consentgate.gates.site_information import (
    Machine,
    Operational,
    Record,
    Statistics,
    hour_of,
    interest_record,
    longitudinal_record,
    machine_record,
    method_name,
    minute_of,
    operational_record,
    statistics_record,
)
from consentgate.gates.visit import Visit
from consentgate.log import RecordSink
from consentgate.log.files import NoFile, SegmentFile
from consentgate.log.standard_output import NAME as STANDARD_OUTPUT
from consentgate.log.standard_output import StandardOutput
from consentgate.log.ticking import TICKER
from consentgate.log.visit_counts import Marginals, VisitCounts
from consentgate.lookup.agents import Agents

PURPOSE = "statistics"
MAX_CHARS = 512
"""Of any header: what follows costs time and says nothing."""
MAX_WORD = 32
"""Of a header that is one of few words, the longest of which is shorter."""
CountryOf = Callable[[Visit], str]
"""Gives the country of a visit's place, ISO 3166-1; empty where it is not known."""


def no_country(visit: Visit) -> str:
    """No place is looked up."""
    return ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the headers of a visit show, in classes."""

    looks: Looks
    host: str
    """Where it came from; empty: not known."""
    kind: str
    is_entry: bool
    is_suspect: bool
    """A browser's name comes with headers that no browser sends: each states its languages, and
    over HTTPS each in use since 2023 its ``Sec-Fetch-*`` headers."""


class SiteLog:
    """Writes one access record a visit, as much as the visitor's decision permits."""

    def __init__(
        self,
        policy: Policy,
        sink: RecordSink,
        *,
        country_of: CountryOf = no_country,
        agents: Agents | None = None,
        recognition: Recognition | None = None,
    ) -> None:
        self._settings = policy.log
        self._version = policy.version
        self._sink = sink
        self._is_fresh = True
        self._drops_signals = policy.log.signals_mode == "drop"
        self._templates = Templates(policy.log.routes)
        self._queries = frozenset(policy.log.query_fields)
        self._names = frozenset(policy.log.fields)
        self.agents = agents or Agents()
        self._seen = lru_cache(8_192)(self._seen_of)
        self.counts = VisitCounts(policy.log.folder, self.agents.browser)
        """Sums of what no record may say: ``counts.add("event", name, now)``."""
        self.country_of = country_of
        self.recognition = recognition
        self.is_on = not isinstance(sink, NoFile)

    @classmethod
    def open(
        cls,
        policy: Policy,
        *,
        country_of: CountryOf = no_country,
        recognition: Recognition | None = None,
    ) -> SiteLog:
        """Open the folder that the policy names; without one nothing is written."""
        sink = _sink_of(policy.log)
        return cls(policy, sink, country_of=country_of, recognition=recognition)

    def note(self, visit: Visit, duration_ns: int) -> None:
        """Write the record of a visit that has ended. Never raises."""
        if not self.is_on:
            return
        if self._is_fresh:
            self._watch()
        if self._drops_signals and visit.outcome.decision.signals.is_set:
            return
        try:
            record = self._record(visit, duration_ns // 1000)
        except Exception:
            record = {
                "ts": hour_of(visit.now),
                "tier": Tier.OPERATIONAL.value,
                "v": self._version,
                "status": visit.status,
                "err": "min",
            }
        self._write(record)

    def _watch(self) -> None:
        """Have the sums flushed, from the first visit on: a process that only forks needs none."""
        self._is_fresh = False
        TICKER.watch(self.counts)

    def _write(self, record: Record) -> None:
        if self._names:
            kept = self._names | {"ts", "tier", "v"}
            record = {name: value for name, value in record.items() if name in kept}
        self._sink.write(record)

    def may_tell(self, visit: Visit) -> bool:
        """Whether a sign of interest of this visitor is noted: no machine's, no signal's (LOG-15).

        Where ``signals_mode`` is ``as-none`` a signal says nothing here.
        """
        return not visit.is_bot and not self._is_signalled(visit)

    def interest(
        self, visit: Visit, event: str, properties: Mapping[str, str], *, path: str, is_page: bool
    ) -> None:
        """Note a declared sign of interest: a sum, or a record where statistics is granted.

        Args:
            visit: the visit that says it.
            event: a name that the policy declares.
            properties: declared properties with declared values.
            path: where it was said; empty where that is not known.
            is_page: whether a page reports; its route is found by the declared templates.
        """
        if not self.is_on or not self.may_tell(visit):
            return
        if self._is_fresh:
            self._watch()
        headers = _first(visit.scope["headers"])
        looks = self.agents.looks(_text(headers, b"user-agent"))
        if looks.bot is not None or looks.is_tool:
            return
        if not self._may_count(visit):
            self.counts.add("event", event, visit.now)
            return
        more = self._statistics(visit, headers, "")
        more.path = scrubbed_path(path) if path else ""
        more.event, more.properties = event, properties
        found = self._templates.find(path) if is_page else route_of(visit.scope, self._templates)
        route = "" if found == UNMATCHED else found
        record = interest_record(self._version, route, looks.device, more)
        subject = self._subject(visit)
        if subject:
            record.update(tier=Tier.LONGITUDINAL.value, subject=subject)
        self._write(record)

    def _record(self, visit: Visit, duration_us: int) -> Record:
        scope = visit.scope
        headers = _first(scope["headers"])
        seen = self._seen(
            headers.get(b"user-agent", b"")[:MAX_CHARS],
            without_path(headers.get(b"referer", b"")[:MAX_CHARS]),
            visit.host[:MAX_CHARS],
            headers.get(b"sec-fetch-site", b"")[:MAX_WORD],
            headers.get(b"sec-fetch-dest", b"")[:MAX_WORD],
            b"text/html" in headers.get(b"accept", b""),
            b"accept-language" in headers,
            visit.is_https,
        )
        looks, host = seen.looks, seen.host
        facts = Operational(
            hour_of(visit.now // 3_600 * 3_600),
            "WS" if scope["type"] == "websocket" else method_name(scope["method"]),
            route_of(scope, self._templates),
            visit.status,
            visit.bytes_out,
            duration_us,
            seen.kind,
            looks.device,
            seen.is_entry and not visit.signals.prefetch,
            seen.is_suspect,
            _signals(visit),
            self._version,
        )
        if looks.bot is not None:
            return self._of_machine(visit, facts, Machine("", "", host, "", looks.bot))
        if scope.get("route") is OWN_ROUTE:
            return operational_record(facts)  # who comes to choose is not told apart (LOG-11)
        if not self._may_count(visit):
            if facts.is_entry and not facts.is_suspect and not self._is_signalled(visit):
                self.counts.add_visit(self._marginals(visit, headers, host), visit.now)
            return operational_record(facts)
        more = self._statistics(visit, headers, host)
        subject = self._subject(visit)
        if subject:
            return longitudinal_record(facts, more, subject)
        return statistics_record(facts, more)

    def _seen_of(
        self,
        agent: bytes,
        origin: bytes,
        own_host: str,
        site: bytes,
        destination: bytes,
        wants_page: bool,
        has_language: bool,
        is_https: bool,
    ) -> Seen:
        """What a visit looks like from its headers; the same browser asks many times."""
        looks = self.agents.looks(agent.decode("latin-1"))
        host, kind = origin_of(origin, own_host)
        accept = "text/html" if wants_page else ""
        is_whole = has_language and (not is_https or bool(site))
        return Seen(
            looks,
            host,
            kind,
            is_entry(site.decode("latin-1"), destination.decode("latin-1"), kind, accept),
            looks.is_tool or (agent.startswith(b"Mozilla/5.0") and not is_whole),
        )

    def _of_machine(self, visit: Visit, facts: Operational, more: Machine) -> Record:
        more.minute = minute_of(visit.now // 60 * 60)
        more.path = scrubbed_path(visit.scope["path"])
        more.country = self._country(visit)
        return machine_record(facts, more)

    def _statistics(self, visit: Visit, headers: Mapping[bytes, bytes], host: str) -> Statistics:
        query = visit.scope.get("query_string", b"")
        agent = _text(headers, b"user-agent")
        hinted = _hinted(headers)
        return Statistics(
            minute=minute_of(visit.now // 60 * 60),
            path=scrubbed_path(visit.scope["path"]),
            query=kept_query(query, self._queries) if query else {},
            is_paid=bool(query) and has_click_id(query),
            referrer_host=host,
            country=self._country(visit),
            language=primary_language(_text(headers, b"accept-language")),
            browser=hinted or (self.agents.browser(agent) if agent else None),
            visitor=self.recognition.visitor(visit) if self.recognition else "",
        )

    def _marginals(self, visit: Visit, headers: Mapping[bytes, bytes], host: str) -> Marginals:
        """What is counted of a visit that begins without consent, each dimension by itself."""
        return Marginals(
            _text(headers, b"user-agent"),
            _hinted(headers),
            self._country(visit),
            primary_language(_text(headers, b"accept-language")),
            host if referrer_class(host, visit.host[:MAX_CHARS]) != "internal" else "",
        )

    def _country(self, visit: Visit) -> str:
        code = self.country_of(visit)[:2].upper()
        return code if len(code) == 2 and code.isalpha() and code != "ZZ" else ""

    def _subject(self, visit: Visit) -> str:
        known = self.recognition
        if known is None or not known.purpose or not self._is_granted(visit, known.purpose):
            return ""
        return known.subject(visit)

    def _may_count(self, visit: Visit) -> bool:
        """T1 needs a *grant* of statistics and no signal (LOG-15); denied collectors get none."""
        return not visit.is_collected and self._is_granted(visit, PURPOSE)

    def _is_granted(self, visit: Visit, purpose: str) -> bool:
        decision = visit.outcome.decision
        choice = visit.choice
        return (
            choice is not None
            and choice.purposes.get(purpose, False)
            and decision.allows(purpose)
            and not self._is_signalled(visit)
        )

    def _is_signalled(self, visit: Visit) -> bool:
        """Whether a signal forbids all but the operational line and the signal's own count."""
        is_set = visit.outcome.decision.signals.is_set
        return is_set and self._settings.signals_mode != "as-none"

    def count_choice(self, visit: Visit, kind: str) -> None:
        """Count what visitors choose: one more of a kind such as ``reject``."""
        if self.is_on and not self._is_signalled(visit):
            self.counts.add("choice", kind, visit.now)

    def close(self) -> None:
        """Write what waits and let go of the files."""
        self.counts.flush()
        self._sink.close()


def _sink_of(settings: LogSettings) -> RecordSink:
    if settings.directory == STANDARD_OUTPUT:
        return StandardOutput()
    if not settings.directory:
        return NoFile()
    return SegmentFile(settings.directory, durability=settings.durability)


_WANTED = frozenset(
    (
        b"referer",
        b"sec-fetch-site",
        b"sec-fetch-dest",
        b"accept",
        b"accept-language",
        b"user-agent",
        b"sec-ch-ua",
        b"sec-ch-ua-platform",
    )
)


def _first(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The first of each header that is wanted, as it came: few of them are ever read."""
    return {pair[0]: pair[1] for pair in reversed(headers) if pair[0] in _WANTED}


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"")[:MAX_CHARS].decode("latin-1")


def _hinted(headers: Mapping[bytes, bytes]) -> Browser | None:
    if b"sec-ch-ua" not in headers:
        return None
    return hinted_browser(_text(headers, b"sec-ch-ua"), _text(headers, b"sec-ch-ua-platform"))


def _signals(visit: Visit) -> tuple[str, ...]:
    signals = visit.signals
    if not signals.is_set:
        return ()
    return tuple(n for n, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)


_NONE_DECLARED = Templates(())


def route_of(scope: Mapping[str, Any], declared: Templates = _NONE_DECLARED) -> str:
    """The template of the route that answered, never the address.

    Starlette, FastAPI (``route``) and Litestar (``path_template``) leave it in the scope; for
    other frameworks the policy declares templates. Without one nothing is claimed: a stranger
    may have written anything into the address.
    """
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    template = template or scope.get("path_template")
    if isinstance(template, str) and template:
        return template[:256]
    return declared.find(scope.get("path", "/"))


__all__ = ["SCHEMA", "CountryOf", "SiteLog", "no_country", "route_of"]
