"""Owns how a finished visit becomes an access record; fails closed to the operational one.

The tier is chosen first, from the decision and from what the agent declares itself to be. The
address is read for T1 alone and goes no further than the keyed visitor. A visit whose agent is not
known yet waits for the background thread: nothing slow is done on an event loop. Never knows how a
line is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from consentgate.asgi.own_routes import OWN
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.route_names import route_of
from consentgate.asgi.recording.statistics import CountryOf, Finding, Seen, VisitorFacts
from consentgate.domain.agents import UNSORTED, AgentClasses, Bot
from consentgate.domain.policy.policy import Policy
from consentgate.domain.record import Facts, Interest, Operational, Tier, fields_of
from consentgate.domain.signals import NONE
from consentgate.formats.urls.scrubbing import scrubbed_path
from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.ended import Ended
from consentgate.gates.records.header_classes import (
    INTERNAL,
    MAX_CHARS,
    MAX_WORD,
    NO_REFERRAL,
    SAME_ORIGIN,
    ClassedHeaders,
    LastReferral,
    Origin,
    OriginFacts,
    Referral,
    classed_headers,
    is_small,
    names_of,
    refer,
)
from consentgate.gates.records.ready_lines import NamedLines, OperationalLines
from consentgate.gates.records.referrers import without_path
from consentgate.gates.records.site_information import (
    METHODS,
    MOST_ROUTE,
    build_record,
    hour_of,
)
from consentgate.log import RecordSink
from consentgate.log.counts.visits import VisitCounts
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.opening import open_sink
from consentgate.log.writing.segment import NoFile, encoder
from consentgate.lookup.agents import Agents
from consentgate.memo import Memo

PURPOSE = "statistics"
MOST_ORIGINS = 4_096
BUSY, NOT_MINIMISED = "busy", "min"
"""Values of ``err``."""


def no_country(visit: Ended) -> str:
    """Look no place up."""
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
        """Prepare the lines of every tier.

        Args:
            policy: its ``[log]`` says what is kept.
            sink: takes the lines.
            country_of: looks up a visit's country where deciding did not.
            agents: says what an agent is.
            recognition: names visitors; None: nobody is named.
        """
        settings, kept = policy.log, frozenset(policy.log.fields)
        self._version = policy.version
        self._sink = sink
        self._is_fresh = self._is_odd = True
        self._ignores_signals = settings.signals_mode == "as-none"
        self._drops_signals = settings.signals_mode == "drop"
        self._templates = Templates(settings.routes)
        self.agents = agents or Agents()
        self._at_once, self._patient = Finding.at_once(self.agents), Finding.patient(self.agents)
        self._referrals: Memo[OriginFacts, Referral] = Memo(refer, MOST_ORIGINS, is_small=is_small)
        self._last = NO_REFERRAL
        encode = encoder()
        self._operational = OperationalLines(self._version, encode, kept)
        self._statistics, self._recognised, self._machines = (
            NamedLines(tier, self._version, encode, kept)
            for tier in (Tier.STATISTICS, Tier.LONGITUDINAL, Tier.BOT)
        )
        self._fields = {tier: fields_of(tier, kept) for tier in Tier}
        self.counts = VisitCounts(settings.folder, self.agents.browsers.__getitem__)
        """Sums of what no record may say: ``counts.add("event", name, now)``."""
        self.recognition = recognition
        self._visitors = VisitorFacts(settings, country_of, recognition)
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
        sink = open_sink(policy.log)
        return cls(policy, sink, country_of=country_of, recognition=recognition)

    def warm(self) -> None:
        """Have what takes long loaded beside the requests, where there is a log."""
        if self.is_on:
            TICKER.later(self.agents.warm)

    def note(self, visit: Ended, duration_ns: int) -> None:
        """Write the record of a visit that has ended, or have it written. Never raises."""
        if self._is_odd and not self._is_noted(visit):
            return
        try:
            if not self._note(visit, duration_ns // 1_000, self._at_once):
                self._hand_over(visit, duration_ns // 1_000)
        except Exception:
            self._write_failed(visit)

    def _note(self, visit: Ended, duration_us: int, find: Finding) -> bool:
        """Write the record; False: it needs what is not known at once, and nothing is written.

        Most visits have no consent and come from a page of the same site: for them as little as
        possible is done here.
        """
        agent, choice = visit.agent, visit.visitor.choice
        classes = find.classes(agent)
        if classes is None:
            return False
        classed = visit.request.classed or classed_headers(visit.request.headers)
        referral = self._referral(visit.request.host, classed)
        facts = self._facts(visit, classes, classed, referral)
        if classes.bot is not None:
            machine = Seen(agent, classed, referral.place, duration_us)
            self._note_machine(visit, classes.bot, facts, machine)
            return True
        is_own = visit.route is OWN  # who comes to choose is not told apart (LOG-11)
        is_statistics = choice is not None and choice.purposes.get(PURPOSE, False)
        if is_statistics and not is_own and self._may_count(visit):
            seen = Seen(agent, classed, referral.place, duration_us)
            return self._note_visitor(visit, facts, seen, find)
        _, _, _, _, _, _, begins, is_suspect, _, _ = facts
        if begins and not is_suspect and not is_own:
            self._count(visit, agent, referral, classed)
        self._sink.append(self._operational.line(facts, visit.bytes_out, duration_us))
        return True

    def _facts(
        self,
        visit: Ended,
        classes: AgentClasses,
        classed: ClassedHeaders,
        referral: Referral,
        fault: str = "",
    ) -> Facts:
        """Give what a record of any tier may say of a visit."""
        request, signals = visit.request, visit.visitor.signals
        _, site, _, _, languages, _, _ = classed
        device, _, is_tool, says_browser = classes
        _, kind, _, begins = referral
        is_whole = languages is not None and (site or not visit.request.is_https)
        method = request.method
        template = getattr(visit.route, "path_format", None)
        if not template or type(template) is not str or len(template) > MOST_ROUTE:
            template = route_of(visit.route, request.whole_path, self._templates)
        return (
            hour_of(visit.now // 3_600 * 3_600),
            method if method in METHODS else "_OTHER",
            template,
            visit.status,
            kind,
            device,
            begins and not signals.prefetch,
            is_tool or (says_browser and not is_whole),
            () if signals is NONE else names_of(signals),
            fault,
        )

    def _referral(self, host: str, classed: ClassedHeaders) -> Referral:
        """Tell where a visit comes from; the next one from the same site need not ask."""
        referrer, site, destination, accept, _, _, _ = classed
        last_host, last_site, last_start, last = self._last
        if referrer and site == last_site and host == last_host and referrer.startswith(last_start):
            return last
        wants_page = accept is not None and b"text/html" in accept
        origin = (without_path(referrer), host, site, destination, wants_page)
        referral = self._referrals[origin]
        if site == SAME_ORIGIN and referral.kind == INTERNAL:
            self._last = LastReferral.of(Origin(*origin), referral)
        return referral

    def _count(self, visit: Ended, agent: str, referral: Referral, classed: ClassedHeaders) -> None:
        """Count a visit that begins without consent, each dimension by itself."""
        is_plain = visit.visitor.signals is NONE and visit.visitor.choice is None
        if not is_plain and self._is_signalled(visit):
            return
        _, _, _, _, languages, brands, platform = classed
        country = visit.visitor.country
        self.counts.add_visit(
            (
                visit.now,
                agent,
                brands and brands[:MAX_CHARS],
                platform and platform[:MAX_WORD],
                self._visitors.place(visit) if country is None else country,
                languages and languages[:MAX_WORD],
                referral.outer_host,
            )
        )

    def _note_machine(self, visit: Ended, bot: Bot, facts: Facts, seen: Seen) -> None:
        """Write the record of a declared machine (TB)."""
        self._sink.put(self._machines.line(facts, self._visitors.of_machine(visit, seen, bot)))

    def _note_visitor(self, visit: Ended, facts: Facts, seen: Seen, find: Finding) -> bool:
        """Write the record of who granted statistics (T1, T2); False: not all is known at once."""
        is_recognised = self._is_recognised(visit)
        if is_recognised and not find.is_patient:
            return False  # the subject's key is in a file
        subject = self._subject(visit) if is_recognised else ""
        person = self._visitors.of_person(visit, seen, find, subject)
        if person is None:
            return False
        lines = self._recognised if subject else self._statistics
        self._sink.put(lines.line(facts, person))
        return True

    def _hand_over(self, visit: Ended, duration_us: int) -> None:
        """Let the background thread write the record; what is too much says less, now."""
        if TICKER.later(partial(self._note_at_leisure, visit, duration_us)):
            return
        classed = visit.request.classed or classed_headers(visit.request.headers)
        referral = self._referral(visit.request.host, classed)
        facts = self._facts(visit, UNSORTED, classed, referral, BUSY)
        self._sink.append(self._operational.line(facts, visit.bytes_out, duration_us))

    def _note_at_leisure(self, visit: Ended, duration_us: int) -> None:
        try:
            self._note(visit, duration_us, self._patient)
        except Exception:
            self._write_failed(visit)

    def _is_noted(self, visit: Ended) -> bool:
        """Whether a visit gets a record; with the first the sums begin to be flushed."""
        if self.is_on and self._is_fresh:
            self._watch()
        return self.is_on and not (self._drops_signals and visit.outcome.decision.signals.is_set)

    def _write_failed(self, visit: Ended) -> None:
        """Write the least: when, which status, and that the rest could not be minimised."""
        facts = Operational(
            hour_of(visit.now // 3_600 * 3_600),
            *("", "", visit.status, "", "", False, False, ()),
            fault=NOT_MINIMISED,
            version=self._version,
        )
        self._sink.write(build_record(self._fields[Tier.OPERATIONAL], facts))

    def _watch(self) -> None:
        """Have the sums flushed, from the first visit on: a process that only forks needs none."""
        self._is_fresh = False
        self._is_odd = self._drops_signals
        TICKER.watch(self.counts)

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
        if not (self.may_tell(visit) and self._is_noted(visit)):
            return
        found = (
            self._templates.find(path)
            if is_page
            else route_of(visit.route, visit.request.whole_path, self._templates)
        )
        interest = Interest(event, properties)
        scrubbed = scrubbed_path(path) if path else ""
        route = "" if found == UNMATCHED else found
        note = partial(self._interest, visit, interest, route, scrubbed)
        if not note(self._at_once):
            is_waiting = TICKER.later(partial(note, self._patient))
            if not is_waiting:
                self.counts.add("event", event, visit.now)

    def _interest(
        self, visit: Ended, interest: Interest, route: str, path: str, find: Finding
    ) -> bool:
        """Note it; False: that needs what is not known at once, and nothing is noted."""
        agent = visit.agent
        classes = find.classes(agent)
        if classes is None:
            return False
        if classes.bot is not None or classes.is_tool:
            return True
        if not self._may_count(visit):
            self.counts.add("event", interest.event, visit.now)
            return True
        is_recognised = self._is_recognised(visit)
        if is_recognised and not find.is_patient:
            return False
        subject = self._subject(visit) if is_recognised else ""
        classed = visit.request.classed or classed_headers(visit.request.headers)
        nowhere = Seen(agent, classed, "", 0)
        person = self._visitors.of_person(visit, nowhere, find, subject)
        if person is None:
            return False
        tier = Tier.LONGITUDINAL if subject else Tier.STATISTICS
        facts = Operational(
            *("", "", route, None, "", classes.device, False, False, ()),
            version=self._version,
            tier=tier,
        )
        person = person._replace(path=path, query=None, is_paid=False)
        self._sink.write(build_record(self._fields[tier], facts, person, interest))
        return True

    def _is_recognised(self, visit: Ended) -> bool:
        """Whether the visitor granted the purpose of being recognised across days."""
        known = self.recognition
        return known is not None and bool(known.purpose) and self._is_granted(visit, known.purpose)

    def _subject(self, visit: Ended) -> str:
        return self.recognition.subject(visit) if self.recognition is not None else ""

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
        TICKER.finish()
        self.counts.flush()
        self._sink.close()
