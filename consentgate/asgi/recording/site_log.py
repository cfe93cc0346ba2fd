"""Owns how a finished visit becomes an access record; fails closed to the operational one.

The tier is chosen first, from the decision and from what the agent declares itself to be; the
address is read for T1 alone, and goes no further than the keyed visitor.
"""

from __future__ import annotations

from collections.abc import Mapping

from consentgate.asgi.own_routes import OWN
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.statistics import CountryOf, VisitorLines
from consentgate.domain.agents import Bot
from consentgate.domain.policy.policy import LogSettings, Policy
from consentgate.domain.record import SCHEMA, Tier
from consentgate.domain.signals import NONE
from consentgate.formats.urls.scrubbing import scrubbed_path
from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.ended import Ended
from consentgate.gates.records.callers import Caller
from consentgate.gates.records.header_classes import (
    INTERNAL,
    MAX_CHARS,
    MAX_WORD,
    NOWHERE,
    SAME_ORIGIN,
    Coming,
    Near,
    Origin,
    Seen,
    Shown,
    coming_of,
    is_small,
    names_of,
    shown_in,
)
from consentgate.gates.records.ready_lines import MOST_ROUTE, Case, ReadyLines
from consentgate.gates.records.referrers import without_path
from consentgate.gates.records.site_information import (
    METHODS,
    Machine,
    Record,
    hour_of,
    interest_record,
    machine_record,
    minute_of,
    operational_record,
    two_digits,
)
from consentgate.log import RecordSink
from consentgate.log.counts.visits import VisitCounts
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.segment import NoFile, SegmentFile, encoder
from consentgate.log.writing.standard_output import NAME as STANDARD_OUTPUT
from consentgate.log.writing.standard_output import StandardOutput
from consentgate.lookup.agents import Agents
from consentgate.memo import Memo

PURPOSE = "statistics"
MOST_ORIGINS = 4_096


def no_country(visit: Ended) -> str:
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
        self._version = policy.version
        self._sink = sink
        self._is_fresh = self._is_odd = True
        self._ignores_signals = policy.log.signals_mode == "as-none"
        self._drops_signals = policy.log.signals_mode == "drop"
        self._templates = Templates(policy.log.routes)
        self._names = frozenset(policy.log.fields)
        self.agents = agents or Agents()
        self._coming: Memo[Origin, Coming] = Memo(coming_of, MOST_ORIGINS, is_small=is_small)
        self._near = NOWHERE
        self._lines = ReadyLines(policy.version, encoder())
        self._ready = self._lines.operational
        self.counts = VisitCounts(policy.log.folder, self.agents.browser)
        """Sums of what no record may say: ``counts.add("event", name, now)``."""
        self.recognition = recognition
        self._visitors = VisitorLines(policy.log, self._lines, self.agents, country_of, recognition)
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

    def note(self, visit: Ended, duration_ns: int) -> None:
        """Write the record of a visit that has ended. Never raises.

        Most visits have no consent and come from a page of the same site: for them as little as
        possible is done here, and nothing twice.
        """
        if self._is_odd and not self._is_noted(visit):
            return
        request, visitor = visit.request, visit.visitor
        signals, host, route = visitor.signals, request.host, visit.route
        try:
            shown = visit.request.classed or shown_in(visit.request.headers)
            referrer, site, _, _, languages, _, _ = shown
            caller, near = visit.visitor.caller, self._near
            seen = (caller and caller.seen) or self._seen_of(visit)
            if (
                referrer
                and site == near.site
                and host == near.host
                and referrer.startswith(near.start)
            ):
                coming = near.coming
            else:
                coming = self._coming_from(host, shown)
            is_whole = languages is not None and (site or not visit.request.is_https)
            is_suspect = seen.is_tool or (seen.says_browser and not is_whole)
            begins = coming.is_entry and not signals.prefetch
            method = request.method
            template = getattr(route, "path_format", None)
            if not template or type(template) is not str:
                template = route_of(route, request.whole_path, self._templates)
            case = (
                visit.now // 3_600,
                method if method in METHODS else "_OTHER",
                template,
                visit.status,
                coming.kind,
                seen.device,
                begins,
                is_suspect,
                () if signals is NONE else names_of(signals),
            )
            duration_us = duration_ns // 1_000
            is_known = seen.bot is not None or visit.visitor.choice is not None
            if is_known and self._note_known(visit, seen, case, coming.host, duration_us):
                return
            if begins and not is_suspect and route is not OWN:
                self._count(visit, seen, coming, shown)
            size, duration = two_digits(visit.bytes_out), two_digits(duration_us)
            if self._names:
                self._write(operational_record(self._lines.facts(case, size, duration)))
            else:
                self._sink.append(self._ready[case] % (size, duration))
        except Exception:
            self._write_failed(visit)

    def _coming_from(self, host: str, shown: Shown) -> Coming:
        """Where a visit comes from; the next one from the same site need not ask."""
        referrer, site, destination, accept, _, _, _ = shown
        wants_page = accept is not None and b"text/html" in accept
        origin = (without_path(referrer), host, site, destination, wants_page)
        coming = self._coming[origin]
        if site == SAME_ORIGIN and coming.kind == INTERNAL:
            self._near = Near.of(origin, coming)
        return coming

    def _count(self, visit: Ended, seen: Seen, coming: Coming, shown: Shown) -> None:
        """Count a visit that begins without consent, each dimension by itself."""
        is_plain = visit.visitor.signals is NONE and visit.visitor.choice is None
        if not is_plain and self._is_signalled(visit):
            return
        _, _, _, _, languages, brands, platform = shown
        arrival = (
            visit.now,
            seen.agent,
            brands and brands[:MAX_CHARS],
            platform and platform[:MAX_WORD],
            self._visitors.place(visit) if visit.visitor.country is None else visit.visitor.country,
            languages and languages[:MAX_WORD],
            coming.outer_host,
        )
        self.counts.add_visit(arrival)

    def _is_noted(self, visit: Ended) -> bool:
        """Whether a visit gets a record; with the first the sums begin to be flushed."""
        if self.is_on and self._is_fresh:
            self._watch()
        return self.is_on and not (self._drops_signals and visit.outcome.decision.signals.is_set)

    def _write_failed(self, visit: Ended) -> None:
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
        self._is_odd = self._drops_signals
        TICKER.watch(self.counts)

    def _write(self, record: Record) -> None:
        if self._names:
            kept = self._names | {"ts", "tier", "v"}
            record = {name: value for name, value in record.items() if name in kept}
        self._sink.write(record)

    def may_tell(self, visit: Ended) -> bool:
        """Whether a sign of interest of this visitor is noted: no machine's, no signal's (LOG-15).

        Where ``signals_mode`` is ``as-none`` a signal says nothing here.
        """
        return not visit.visitor.is_bot and not self._is_signalled(visit)

    def interest(
        self, visit: Ended, event: str, properties: Mapping[str, str], *, path: str, is_page: bool
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
        seen = self._seen_of(visit)
        if seen.bot is not None or seen.is_tool:
            return
        if not self._may_count(visit):
            self.counts.add("event", event, visit.now)
            return
        more = self._visitors.statistics(visit, seen, "")
        more.path = scrubbed_path(path) if path else ""
        more.event, more.properties = event, properties
        found = (
            self._templates.find(path)
            if is_page
            else route_of(visit.route, visit.request.whole_path, self._templates)
        )
        route = "" if found == UNMATCHED else found
        record = interest_record(self._version, route, seen.device, more)
        subject = self._subject(visit)
        if subject:
            record.update(tier=Tier.LONGITUDINAL.value, subject=subject)
        self._write(record)

    def _note_machine(
        self, visit: Ended, bot: Bot, case: Case, referrer_host: str, duration_us: int
    ) -> None:
        """Write the record of a declared machine (TB)."""
        more = Machine(
            minute_of(visit.now // 60 * 60),
            scrubbed_path(visit.request.whole_path),
            referrer_host,
            self._visitors.country(visit),
            bot,
        )
        facts = self._lines.facts(case, visit.bytes_out, duration_us)
        self._write(machine_record(facts, more))

    def _note_known(
        self, visit: Ended, seen: Seen, case: Case, referrer_host: str, duration_us: int
    ) -> bool:
        """Write the record of a machine, or of who granted statistics; False: it is neither."""
        if seen.bot is not None:
            self._note_machine(visit, seen.bot, case, referrer_host, duration_us)
        elif visit.route is not OWN and self._may_count(visit):
            # who comes to choose is not told apart (LOG-11)
            self._note_visitor(visit, seen, case, referrer_host, duration_us)
        else:
            return False
        return True

    def _note_visitor(
        self, visit: Ended, seen: Seen, case: Case, referrer_host: str, duration_us: int
    ) -> None:
        """Write the record of a visitor who granted statistics (T1), and maybe more (T2)."""
        subject, known = self._subject(visit), (visit, seen, case, referrer_host, duration_us)
        if subject or self._names or not self._visitors.is_ready(visit):
            self._write(self._visitors.record(*known, subject))
        else:
            self._sink.put(self._visitors.line(*known))

    def _seen_of(self, visit: Ended) -> Seen:
        """What the agent shows, found out once for each that the gate knows."""
        caller = visit.visitor.caller or Caller.of(
            visit.request.header(b"user-agent").encode("latin-1")
        )
        if caller.seen is None:
            looks = self.agents.looks(caller.agent)
            is_browser = caller.agent.startswith("Mozilla/5.0")
            device = looks.device.value
            caller.seen = Seen(caller.agent, looks.bot, device, looks.is_tool, is_browser)
        return caller.seen

    def _subject(self, visit: Ended) -> str:
        known = self.recognition
        if known is None or not known.purpose or not self._is_granted(visit, known.purpose):
            return ""
        return known.subject(visit)

    def _may_count(self, visit: Ended) -> bool:
        """T1 needs a *grant* of statistics and no signal (LOG-15); denied collectors get none."""
        return not visit.is_collected and self._is_granted(visit, PURPOSE)

    def _is_granted(self, visit: Ended, purpose: str) -> bool:
        decision = visit.outcome.decision
        choice = visit.visitor.choice
        return (
            choice is not None
            and choice.purposes.get(purpose, False)
            and decision.allows(purpose)
            and not self._is_signalled(visit)
        )

    def _is_signalled(self, visit: Ended) -> bool:
        """Whether a signal forbids all but the operational line and the signal's own count."""
        signals = visit.outcome.decision.signals
        return signals is not NONE and signals.is_set and not self._ignores_signals

    def count_choice(self, visit: Ended, kind: str) -> None:
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


def route_of(route: object, path: str, declared: Templates = _NONE_DECLARED) -> str:
    """The template of the route that answered, never the address.

    Starlette, FastAPI (``route``) and Litestar (``path_template``) leave it in the scope; for
    other frameworks the policy declares templates. Without one nothing is claimed: a stranger
    may have written anything into the address.
    """
    template = getattr(route, "path_format", None) or getattr(route, "path", None) or route
    if isinstance(template, str) and template:
        return template[:MOST_ROUTE]
    return declared.find(path) if declared.declared else UNMATCHED


__all__ = ["SCHEMA", "CountryOf", "SiteLog", "no_country", "route_of"]
