"""Owns how a finished visit becomes an access record; fails closed to the operational one.

The tier is chosen first, from the decision and from what the agent declares itself to be; the
address is read for T1 alone, and goes no further than the keyed visitor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from consentgate.asgi.recognition import Recognition
from consentgate.asgi.routes import OWN_ROUTE
from consentgate.domain.policy import LogSettings, Policy
from consentgate.domain.record import SCHEMA, Tier
from consentgate.formats.paths import has_click_id, kept_query, scrubbed_path
from consentgate.formats.templates import UNMATCHED, Templates
from consentgate.gates.origins import without_path
from consentgate.gates.seen import (
    MAX_CHARS,
    MAX_WORD,
    Coming,
    Seen,
    coming_of,
    country_code,
    hinted,
    language_of,
    names_of,
    text_of,
    wanted,
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
    operational_template,
    statistics_record,
    two_digits,
)
from consentgate.gates.visit import Visit
from consentgate.log import RecordSink
from consentgate.log.files import NoFile, SegmentFile, encoder
from consentgate.log.standard_output import NAME as STANDARD_OUTPUT
from consentgate.log.standard_output import StandardOutput
from consentgate.log.ticking import TICKER
from consentgate.log.visit_counts import Marginals, VisitCounts
from consentgate.lookup.agents import Agents

PURPOSE = "statistics"
Case = tuple[int, str, str, int, str, str, bool, bool, tuple[str, ...]]
"""What T0 says of a visit besides size and duration: hour, method, route, status, referrer's class,
device, whether a visit begins, whether it is suspect, signals."""
CountryOf = Callable[[Visit], str]
"""Gives the country of a visit's place, ISO 3166-1; empty where it is not known."""


def no_country(visit: Visit) -> str:
    """No place is looked up."""
    return ""


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
        self._coming = lru_cache(4_096)(coming_of)
        self._encode = encoder()
        self._template = lru_cache(4_096)(self._template_of)
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
            self._note(visit, duration_ns // 1000)
        except Exception:
            record: Record = {
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
        headers = wanted(visit.scope["headers"])
        looks = self.agents.looks(text_of(headers, b"user-agent"))
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

    def _note(self, visit: Visit, duration_us: int) -> None:
        scope = visit.scope
        headers = wanted(scope["headers"])
        site = headers.get(b"sec-fetch-site", b"")[:MAX_WORD]
        seen = self._seen(headers.get(b"user-agent", b"")[:MAX_CHARS])
        coming = self._coming(
            without_path(headers.get(b"referer", b"")[:MAX_CHARS]),
            visit.host[:MAX_CHARS],
            site,
            headers.get(b"sec-fetch-dest", b"")[:MAX_WORD],
            b"text/html" in headers.get(b"accept", b""),
        )
        is_whole = b"accept-language" in headers and (site or not visit.is_https)
        begins = coming.is_entry and not visit.signals.prefetch
        is_suspect = seen.is_tool or (seen.says_browser and not is_whole)
        case = (
            visit.now // 3_600,
            "WS" if scope["type"] == "websocket" else method_name(scope["method"]),
            route_of(scope, self._templates),
            visit.status,
            coming.kind,
            seen.device,
            begins,
            is_suspect,
            names_of(visit.signals),
        )
        if seen.bot is not None:
            facts = self._facts(case, visit.bytes_out, duration_us)
            self._write(self._of_machine(visit, facts, Machine("", "", coming.host, "", seen.bot)))
            return
        if scope.get("route") is not OWN_ROUTE:  # who comes to choose is not told apart (LOG-11)
            if visit.choice is not None and self._may_count(visit):
                facts = self._facts(case, visit.bytes_out, duration_us)
                self._write(self._of_visitor(visit, facts, headers, coming.host))
                return
            if begins and not is_suspect and not self._is_signalled(visit):
                self.counts.add_visit(self._marginals(visit, headers, coming), visit.now)
        self._operate(case, visit.bytes_out, duration_us)

    def _operate(self, case: Case, bytes_out: int, duration_us: int) -> None:
        """Write the record of a visit without consent (T0)."""
        if self._names:
            self._write(operational_record(self._facts(case, bytes_out, duration_us)))
        else:
            line = self._template(*case)
            self._sink.append(line % (two_digits(bytes_out), two_digits(duration_us)))

    def _template_of(self, *case: *Case) -> bytes:
        """What operational lines have in common: none of it is a visitor's own, few are."""
        return operational_template(self._facts(case, 0, 0), self._encode)

    def _facts(self, case: Case, bytes_out: int, duration_us: int) -> Operational:
        hour, method, route, status = case[:4]
        kind, device, is_entry, is_suspect, signals = case[4:]
        return Operational(
            hour_of(hour * 3_600),
            method,
            route,
            status,
            bytes_out,
            duration_us,
            kind,
            device,
            is_entry,
            is_suspect,
            signals,
            self._version,
        )

    def _of_visitor(
        self, visit: Visit, facts: Operational, headers: Mapping[bytes, bytes], host: str
    ) -> Record:
        more = self._statistics(visit, headers, host)
        subject = self._subject(visit)
        if subject:
            return longitudinal_record(facts, more, subject)
        return statistics_record(facts, more)

    def _seen_of(self, agent: bytes) -> Seen:
        looks = self.agents.looks(agent.decode("latin-1"))
        is_browser = agent.startswith(b"Mozilla/5.0")
        return Seen(looks.bot, looks.device.value, looks.is_tool, is_browser)

    def _of_machine(self, visit: Visit, facts: Operational, more: Machine) -> Record:
        more.minute = minute_of(visit.now // 60 * 60)
        more.path = scrubbed_path(visit.scope["path"])
        more.country = self._country(visit)
        return machine_record(facts, more)

    def _statistics(self, visit: Visit, headers: Mapping[bytes, bytes], host: str) -> Statistics:
        query = visit.scope.get("query_string", b"")
        agent = text_of(headers, b"user-agent")
        known = hinted(headers)
        return Statistics(
            minute=minute_of(visit.now // 60 * 60),
            path=scrubbed_path(visit.scope["path"]),
            query=kept_query(query, self._queries) if query else {},
            is_paid=bool(query) and has_click_id(query),
            referrer_host=host,
            country=self._country(visit),
            language=language_of(headers.get(b"accept-language", b"")[:MAX_WORD]),
            browser=known or (self.agents.browser(agent) if agent else None),
            visitor=self.recognition.visitor(visit, agent) if self.recognition else "",
        )

    def _marginals(self, visit: Visit, headers: Mapping[bytes, bytes], coming: Coming) -> Marginals:
        """What is counted of a visit that begins without consent, each dimension by itself."""
        return Marginals(
            text_of(headers, b"user-agent"),
            hinted(headers),
            self._country(visit),
            language_of(headers.get(b"accept-language", b"")[:MAX_WORD]),
            coming.outer_host,
        )

    def _country(self, visit: Visit) -> str:
        code = visit.country
        return country_code(self.country_of(visit) if code is None else code)

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
