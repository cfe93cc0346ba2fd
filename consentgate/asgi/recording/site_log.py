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
from consentgate.asgi.recording.funnel import Funnel
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.route_names import RouteNames
from consentgate.asgi.recording.statistics import CountryOf, Finding, VisitorFacts
from consentgate.domain.agents import Bot
from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.policy.policy import Policy
from consentgate.domain.record import (
    Amounts,
    Facts,
    Interest,
    Operational,
    Tier,
    fields_of,
    two_digits,
)
from consentgate.domain.signals import NONE
from consentgate.formats.urls.routed import routed_path
from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.ended import Ended
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.gates.records.header_classes import (
    MAX_CHARS,
    MAX_WORD,
    NOWHERE,
    WANTED,
    ClassedHeaders,
    Referral,
    Referrals,
    classed_headers,
    names_of,
    wanted_by,
)
from consentgate.gates.records.known_pages import KnownPages
from consentgate.gates.records.ready_lines import NamedLines, OperationalLines
from consentgate.gates.records.site_information import METHODS, MOST_ROUTE, build_record
from consentgate.log import RecordSink
from consentgate.log.counts.visits import VisitCounts
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.opening import open_sink
from consentgate.log.writing.segment import NoFile, text_encoder
from consentgate.lookup.agents import Agents

PURPOSE = "statistics"
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
        self.agents = agents or Agents()
        self._at_once, self._patient = Finding.at_once(self.agents), Finding.patient(self.agents)
        self._busy = Finding.nothing(BUSY)
        self._templates = Templates(settings.routes)
        self._referrals = Referrals()
        encode = text_encoder()
        self._pages = KnownPages(settings.routes)
        self._templates_of_all = OperationalLines(
            self._version, encode, kept, self._pages.add
        ).templates
        self._append = sink.append
        self._statistics, self._recognised, self._machines = (
            NamedLines(tier, self._version, encode, kept, self._pages.add)
            for tier in (Tier.STATISTICS, Tier.LONGITUDINAL, Tier.BOT)
        )
        self._fields = {tier: fields_of(tier, kept) for tier in Tier}
        self.counts = VisitCounts(
            settings.folder, self.agents.browsers.__getitem__, settings.campaigns
        )
        """Sums of what no record may say: ``counts.add("event", name, now)``."""
        self._names = RouteNames(self._templates, self._pages, self.counts)
        self.funnel = Funnel(policy, is_on=not isinstance(sink, NoFile))
        """Counts the first layer, and what visitors made of it."""
        self.recognition = recognition
        self._purpose = recognition.purpose if recognition is not None else ""
        self._visitors = VisitorFacts(settings, country_of, recognition, self._pages)
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
        """Load what takes long, where there is a log: call it in a thread, before requests come.

        Loaded beside requests, it would hold each of them up by some milliseconds: one thread of
        Python runs at a time.
        """
        if self.is_on:
            self.agents.warm()

    def note(self, visit: Ended, duration_ns: int, find: Finding | None = None) -> None:
        """Write the record of a visit that has ended, or have it written. Never raises.

        Most visits have no consent and come from a page of the same site: for them as little as
        possible is done here, and nothing is called that can be said in a line.

        Args:
            visit: that has ended.
            duration_ns: how long it took.
            find: how the agent is found out; None: at once, or the background thread does it.
        """
        if self._is_odd and not self._is_noted(visit):
            return
        if find is None:
            find = self._at_once
        try:
            request, visitor, outcome, now, status, bytes_out, route, _, is_collected = visit
            _, signals, choice, _, caller, country, _ = visitor
            agent = caller.agent if caller is not None else visit.agent
            classes = find.classes(agent)
            if classes is None:
                self._hand_over(visit, duration_ns)
                return
            device, bot, is_tool, says_browser = classes
            classed = request.classed or classed_headers(request.headers)
            _, site, destination, accept, languages, _, _ = classed
            referral = self._referrals.of(request.host_field, classed)
            _, kind, outer_host, begins = referral
            is_whole = languages is not None and (site or not request.is_https)
            is_suspect = is_tool or (says_browser and not is_whole)
            is_silent = signals is NONE
            begins = begins and (is_silent or not signals.prefetch)
            template = getattr(route, "path_format", None) if route is not None else None
            if not template or type(template) is not str or len(template) > MOST_ROUTE:
                template = self._names.left(visit, kind, classed[0])
            method = request.method
            facts = (
                now // 3_600,
                method if method in METHODS else "_OTHER",
                template,
                status,
                kind,
                device,
                begins,
                is_suspect,
                () if is_silent else names_of(signals),
                find.fault,
                WANTED.get(destination) or wanted_by(accept),
            )
            amounts = (two_digits(bytes_out), two_digits(duration_ns // 1_000))
            is_own = route is OWN  # who comes to choose is not told apart (LOG-11)
            if bot is not None:
                self._note_machine(visit, bot, facts, referral, amounts)
                return
            is_closed = choice is None or is_own or is_collected or find.fault
            if not is_closed and _is_counted(outcome, choice):
                if not self._note_visitor(visit, agent, facts, referral, amounts, classed, find):
                    self._hand_over(visit, duration_ns)
                return
            is_open = begins and not is_suspect and not is_own
            if is_open and ((is_silent and choice is None) or not self._is_signalled(outcome)):
                country = self._visitors.place(visit) if country is None else country
                self._count(visit, agent, classed, country, outer_host)
            self._append(self._templates_of_all[facts] % amounts)
        except Exception:
            self._write_failed(visit)

    def _hand_over(self, visit: Ended, duration_ns: int) -> None:
        """Let the background thread write the record; what is too much says less, now."""
        if not TICKER.later(partial(self.note, visit, duration_ns, self._patient)):
            self.note(visit, duration_ns, self._busy)

    def _count(
        self, visit: Ended, agent: str, classed: ClassedHeaders, country: str, outer_host: str
    ) -> None:
        """Count a visit that begins without consent, each dimension by itself."""
        _, _, _, _, languages, brands, platform = classed
        self.counts.add_visit(
            (
                visit.now // DAY_SECONDS,
                agent,
                brands and brands[:MAX_CHARS],
                platform and platform[:MAX_WORD],
                country,
                languages and languages[:MAX_WORD],
                outer_host,
                visit.request.query,
            )
        )

    def _note_machine(
        self, visit: Ended, bot: Bot, facts: Facts, referral: Referral, amounts: Amounts
    ) -> None:
        """Write the record of a declared machine (TB)."""
        machine = self._visitors.of_machine(visit, referral, amounts, bot, facts[2])
        self._sink.put(self._machines.line(facts, machine))

    def _note_visitor(
        self,
        visit: Ended,
        agent: str,
        facts: Facts,
        referral: Referral,
        amounts: Amounts,
        classed: ClassedHeaders,
        find: Finding,
    ) -> bool:
        """Write the record of who granted statistics (T1, T2); False: not all is known at once."""
        is_recognised = self._purpose and self._is_recognised(visit)
        if is_recognised and not find.is_patient:
            return False  # the subject's key is in a file
        subject = self._subject(visit) if is_recognised else ""
        person = self._visitors.of_person(
            visit, agent, classed, referral, amounts, find, subject, facts[2]
        )
        if person is None:
            return False
        lines = self._recognised if subject else self._statistics
        self._sink.put(lines.line(facts, person))
        return True

    def _is_noted(self, visit: Ended) -> bool:
        """Whether a visit gets a record; with the first the sums begin to be flushed."""
        if self.is_on and self._is_fresh:
            self._watch()
        return self.is_on and not (self._drops_signals and visit.outcome.decision.signals.is_set)

    def _write_failed(self, visit: Ended) -> None:
        """Write the least: when, which status, and that the rest could not be minimised."""
        facts = Operational(
            visit.now // 3_600,
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
        return not visit.visitor.is_bot and not self._is_signalled(visit.outcome)

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
        found = self._templates.find
        route = found(path) if is_page else self._names.of(visit.request, visit.route)
        said = "" if route == UNMATCHED else route
        scrubbed = routed_path(route, path, self._visitors.path_fields) if path else ""
        note = partial(self._interest, visit, Interest(event, properties), said, scrubbed)
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
        if visit.is_collected or not _is_counted(visit.outcome, visit.visitor.choice):
            self.counts.add("event", interest.event, visit.now)
            return True
        is_recognised = self._purpose and self._is_recognised(visit)
        if is_recognised and not find.is_patient:
            return False
        subject = self._subject(visit) if is_recognised else ""
        classed = visit.request.classed or classed_headers(visit.request.headers)
        nowhere = NOWHERE
        person = self._visitors.of_person(visit, agent, classed, nowhere, (0, 0), find, subject)
        if person is None:
            return False
        tier = Tier.LONGITUDINAL if subject else Tier.STATISTICS
        facts = Operational(
            *(0, "", route, None, "", classes.device, False, False, ()),
            version=self._version,
            tier=tier,
        )
        person = person._replace(referrer="", path=path, asked=None, before="")
        record = build_record(self._fields[tier], facts, person, interest)
        self._sink.write(record)
        return True

    def _is_recognised(self, visit: Ended) -> bool:
        """Whether a visitor who is counted also granted to be recognised across days."""
        choice = visit.visitor.choice
        is_granted = choice is not None and choice.purposes.get(self._purpose, False)
        return is_granted and self._purpose in counted(visit.outcome)

    def _subject(self, visit: Ended) -> str:
        return self.recognition.subject(visit) if self.recognition is not None else ""

    def _is_signalled(self, outcome: Outcome) -> bool:
        """Whether a signal forbids all but the operational line and the signal's own count."""
        signals = outcome.decision.signals
        return signals is not NONE and signals.is_set and not self._ignores_signals

    def count_choice(self, visit: Ended, kind: str) -> None:
        """Count what visitors choose: one more of a kind such as ``reject``."""
        if self.is_on and not self._is_signalled(visit.outcome):
            self.counts.add("choice", kind, visit.now)

    def close(self) -> None:
        """Write what waits and let go of the files."""
        TICKER.finish()
        self.counts.flush()
        self.funnel.counts.flush()
        self._sink.close()


@once_per_outcome
def counted(outcome: Outcome) -> frozenset[str]:
    """Give the purposes of a visit's records that an outcome permits; a signal forbids them all,
    unless the policy says that it means nothing here (LOG-15)."""
    decision = outcome.decision
    if decision.signals.is_set and outcome.plan.policy.log.signals_mode != "as-none":
        return frozenset()
    return frozenset(key for key, verdict in decision.purposes.items() if verdict.is_granted)


def _is_counted(outcome: Outcome, choice: Choice | None) -> bool:
    """T1 needs a *grant* of statistics, and no signal (LOG-15)."""
    is_granted = choice is not None and choice.purposes.get(PURPOSE, False)
    return is_granted and PURPOSE in counted(outcome)
