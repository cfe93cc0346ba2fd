"""Owns the middleware: wires the gates, awaits, sends. Never decides anything itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consentgate.asgi.assembly import Assembly, route_in
from consentgate.asgi.choices.taking_over import TakingOver
from consentgate.asgi.collecting import collect, is_collector, is_denied, is_held_tag
from consentgate.asgi.consent import SCOPE_KEY, Consent, consent_of
from consentgate.asgi.own_routes import COLLECTOR
from consentgate.asgi.pages.well_known import PLACE
from consentgate.asgi.placing import AgeOf, ResidenceOf
from consentgate.asgi.rights.hooks import CorrectOf, DataOf, EraseOf, Hooks
from consentgate.asgi.routes import Address
from consentgate.asgi.serving import Served
from consentgate.asgi.startup.order import misplaced, warn_about_order, warn_of_telemetry
from consentgate.asgi.startup.path_gates import PathGates
from consentgate.asgi.startup.placement import loop_refused, misplaced_before
from consentgate.asgi.startup.refusing import StartRefused, is_serving, misspelt
from consentgate.asgi.telling.hearing import hearers
from consentgate.asgi.telling.hooks import ChoiceHooks, Hook
from consentgate.domain.policy.policy import Policy
from consentgate.domain.signals import NONE
from consentgate.errors import ConsentGateError, SettingError
from consentgate.gates.declared.tags import ENDS
from consentgate.gates.gated import NOTHING
from consentgate.gates.records.callers import known_callers
from consentgate.gates.request import read_request
from consentgate.gates.visitors.reading import Visitors
from consentgate.gates.visitors.visitor import NOT_PLACED, Visitor
from consentgate.ledger import Ledger
from consentgate.log.naming.subject_keys import is_reference
from consentgate.log.writing.server_loggers import warn_of_leaks
from consentgate.lookup import PlaceLookup

OwnAnswer = Callable[[Served, Receive, Send], Awaitable[None]]


class ConsentGate:
    """ASGI middleware that makes cookies, beacons and the access log follow consent.

    Add it last, so that it is outermost::

        app.add_middleware(ConsentGate, policy="consentgate.toml")

    or wrap any ASGI app: ``app = ConsentGate(app, policy="consentgate.toml")``.
    """

    if not TYPE_CHECKING:  # type checkers know the options from __init__

        def __new__(cls, *_, **options):
            """Reject misspelt options in the way that servers obey."""
            fault = misspelt(options, cls.__init__)
            if fault is None:
                return super().__new__(cls)
            if not is_serving():
                raise fault
            return StartRefused(fault)

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: str | Path | Policy = "consentgate.toml",
        development: bool | None = None,
        templates: str | Path | None = None,
        age_of: AgeOf | None = None,
        residence_of: ResidenceOf | None = None,
        places: PlaceLookup | None = None,
        ledger: Ledger | None = None,
        data_of: DataOf | None = None,
        erase_of: EraseOf | None = None,
        correct_of: CorrectOf | None = None,
        on_change: Hook | None = None,
        on_withdraw: Hook | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read the policy, the secret and the texts; everything wrong is said here.

        Made by a framework while its server starts, it ends that start instead of raising.

        Args:
            app: the application behind the gate.
            policy: path of the policy file, or a policy made in code.
            development: True lets a throw-away key sign; None asks ``CONSENTGATE_ENV``.
            templates: folder whose templates replace the shipped ones of the same name.
            age_of: says a visitor's age where the app knows it: years, or a band as the pair of
                its lowest and highest year; the lowest counts.
            residence_of: says the place an account declares, such as ``US-CA``; only tightens.
            places: another source of places than the policy's database.
            ledger: a ledger of the site's own in place of the one that the policy names.
            data_of: gives what the app keeps of a subject (``consent.subject``), as JSON values,
                for the visitor's own page; plain or async, like the next two.
            erase_of: erases what the app keeps of a subject.
            correct_of: corrects what a visitor gave, by the text that the visitor writes; true:
                it is done, else the request waits in the register.
            on_change: called with a ``Change`` after every choice that changed anything.
            on_withdraw: called with a ``Change`` after every choice that took anything back.
            clock: seconds since the epoch.

        Raises:
            PolicyError: the policy is wrong; every fault at once.
            SecretError: no usable ``CONSENTGATE_SECRET`` in production.
            SettingError: another option is wrong, or no choice could be made where it stands.
        """
        refused = misplaced_before(app)
        if refused is not None:
            raise refused  # never by the lifespan protocol: it would not be heard of there
        self.app = app
        self._clock = clock
        self._is_order_checked = False
        self._callers = known_callers()
        self._refusal: StartRefused | None = None
        try:
            self.assembly = Assembly.open(
                policy,
                development=development,
                templates=Path(templates) if templates is not None else None,
                places=places,
                age_of=age_of,
                residence_of=residence_of,
                ledger=ledger,
                clock=clock,
                hooks=Hooks(data_of=data_of, erase_of=erase_of, correct_of=correct_of),
                told=ChoiceHooks(on_change, on_withdraw),
            )
        except ConsentGateError as fault:
            if not is_serving():
                raise
            self._refusal = StartRefused(fault)
            return
        self._prepare(self.assembly)

    def _prepare(self, assembly: Assembly) -> None:
        """Have at hand what every request asks for."""
        self._prefix = assembly.prefix
        self._placing = assembly.placing
        self._visitors = Visitors(assembly.plan, assembly.reader)
        self._has_collectors = assembly.plan.has_collectors
        self._is_logged = assembly.plan.is_logged
        self._taking_over = assembly.taking_over
        self._paths = PathGates(assembly.gates) if assembly.policy.paths else None
        self._is_timed = not assembly.recorder.is_idle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serve one connection."""
        kind = scope["type"]
        is_gated = kind == "http" or kind == "websocket"
        if not is_gated or self._refusal is not None or SCOPE_KEY in scope:
            return await self._pass_on(scope, receive, send)
        try:
            visit = self._open(scope)
        except Exception:
            visit = self._open_unread(scope)
        if self._taking_over is not None and visit.request.cookies:
            visit, send = await self._take_over(self._taking_over, visit, scope, send)
        path = scope["path"]
        if self._prefix in path or PLACE in path or path.endswith(ENDS) or self._has_collectors:
            own = self._own_answer(visit)
            if own is not None:
                return await own(visit, receive, send)
        inner = visit.scope
        started = time.perf_counter_ns() if self._is_timed else 0
        if self._paths is None or visit.outcome.plan.is_gated:
            sent = visit.guard(self.assembly, send)
        else:
            sent = _counted(visit, send)
        try:
            return await self.app(inner, receive, sent)
        except BaseException:
            if not visit.status:
                visit.answer(500)
            raise
        finally:
            if started or visit.found is not NOTHING or visit.outcome.signals is not NONE:
                self._end(visit, started)
            else:
                visit.end()

    def _end(self, visit: Served, started: int) -> None:
        """Write down what may be remembered, and let go."""
        route = route_in(visit.scope, visit.request.root_path)
        self.assembly.recorder.note(visit, route, time.perf_counter_ns() - started)
        visit.end(route)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serve what is no request, or passed a gate before; after a fault at start, nothing."""
        if scope["type"] == "lifespan" and self._refusal is None:
            self._check_order(scope)
            await run_in_threadpool(self.assembly.warm)  # before the server says it has started
        app = self.app if self._refusal is None else self._refusal
        return await app(scope, receive, send)

    def _own_answer(self, visit: Served) -> OwnAnswer | None:
        """What answers in the app's place; None: the app does."""
        assembly = self.assembly
        address = assembly.routes.find(visit.request)
        if address is not None:
            return partial(self._answer, address)
        if assembly.plan.has_collectors and is_collector(visit):
            if is_denied(visit):
                return self._collect
            visit.use.ask()  # whether the app is reached depends on it
        return self._collect if is_held_tag(visit) else None

    def _check_order(self, scope: Scope) -> None:
        """Refuse where another middleware would pass the gate by; warn of what else is odd."""
        self._is_order_checked = True
        fault = loop_refused() or misplaced(scope, type(self))
        if fault is not None:
            self._refusal = StartRefused(fault)
        warn_of_leaks()
        warn_of_telemetry()

    def _check_late(self, scope: Scope) -> None:
        """The same where no lifespan told of a start.

        Raises:
            SettingError: nothing can be served here.
        """
        fault = loop_refused()
        if fault is not None:
            raise fault
        self._is_order_checked = True
        warn_about_order(scope, type(self))
        warn_of_leaks()
        warn_of_telemetry()

    @property
    def undeclared(self) -> frozenset[str]:
        """Cookies that the app has set by now and the policy does not declare (CKE-15).

        At the end of your own tests it says what the policy still lacks.
        """
        return frozenset(self.assembly.warnings.set_by_app)

    def rows_of(self, consent: Consent) -> list[Mapping[str, Any]]:
        """What the site log keeps of the visitor whose request this is, for the app's own pages.

        Today's rows under the visitor's name, since the names of earlier days cannot be made any
        more, and those of a visitor who agreed to be recognised across days (LOG-12). Reads
        files: call it in a thread.

        Args:
            consent: of the request that asks: ``request.state.consent``.

        Raises:
            LogError: a file cannot be read.
        """
        known = self.assembly.site_log.recognition
        return list(known.rows(consent.ended())) if known is not None else []

    def erase(self, consent: Consent) -> int:
        """Erase those rows for good, and shred the visitor's key; how many there were.

        Works on files: call it in a thread.

        Args:
            consent: of the request that asks.

        Raises:
            LogError: a file cannot be read or written; called again it goes on.
        """
        known = self.assembly.site_log.recognition
        return known.erase(consent.ended()) if known is not None else 0

    def data_link(self, subject: str, root_path: str = "") -> str:
        """Make the address of a visitor's own data, for who has no cookie at hand.

        Whoever has the address can see and erase that data until it is over (``[rights]
        link_minutes``): give it only to a visitor whom the app knows, such as one who is signed
        in, and never in an e-mail that others may read.

        Args:
            subject: ``consent.subject`` of a request of that visitor, as the app kept it.
            root_path: where the app is mounted.

        Raises:
            SettingError: it is no subject.
        """
        if not is_reference(subject):
            raise SettingError("data_link: expected consent.subject, 32 hexadecimal digits")
        link = self.assembly.rights.links.make(subject, int(self._clock()))
        return f"{root_path}{self._prefix}/data?key={link}"

    def close(self) -> None:
        """Let go of the ledger and the site log; the gate is not used afterwards."""
        self.assembly.close()

    async def _take_over(
        self, taking_over: TakingOver, visit: Served, scope: Scope, send: Send
    ) -> tuple[Served, Send]:
        """Serve the visit with what its visitor told another tool, where that is taken over."""
        try:
            taken = await taking_over.take(visit)
        except Exception:
            self.assembly.faults.failed("taking_over", "what was granted elsewhere does not count")
            return visit, send
        if taken is None:
            return visit, send
        return self._open(scope, taken.visitor), taken.sending(send)

    def _open(self, scope: Scope, taken: Visitor | None = None) -> Served:
        """Read who asks and decide; the visit's scope then carries the app's view.

        Args:
            scope: the connection.
            taken: who asks, where that was found out before.
        """
        if not self._is_order_checked:
            self._check_late(scope)
        assembly, placing = self.assembly, self._placing
        request = read_request(scope, self._is_logged)
        if placing.has_proxies:
            placing.see_through(request)
        caller = self._callers[request.agent]
        now = floor(self._clock())
        placed = NOT_PLACED if caller.is_crawler else placing.placed(scope, request, now)
        is_minor = placing.knows_ages and placing.is_minor(scope, placed[0])
        visitor = taken or self._visitors.of(request, placed, now, is_minor, caller)
        if self._taking_over is not None and taken is None and request.cookies:
            visitor = self._taking_over.heard(request, visitor, now)
        gates = assembly.gates if self._paths is None else self._paths.at(request.path)
        visit = Served().decide(scope, request, visitor, gates, now)
        if self._paths is None or visit.outcome.plan.is_gated:
            asks = assembly.warnings.asks_identity
            if request.cookies or request.is_marked or asks or visit.outcome.strips_click_ids:
                visit.hide(asks_identity=asks)
            if "extensions" in scope:
                visit.hide_file_sending()
        for hear in hearers:
            hear(visit.outcome.decision)
        inner = visit.scope
        inner[SCOPE_KEY] = consent = consent_of(visit, assembly)
        state = inner.get("state")
        if state is None:
            state = inner["state"] = {}
        state["consent"] = consent
        return visit

    def _open_unread(self, scope: Scope) -> Served:
        """Serve a request that could not be read as that of an unknown visitor."""
        consequence = "the request is served as that of an unknown visitor"
        self.assembly.faults.failed("visit", consequence)
        return self._open(_unread(scope))

    async def _answer(self, address: Address, visit: Served, receive: Receive, send: Send) -> None:
        """Serve one of our own addresses; it is noted under its address, never the visitor's."""
        started = time.perf_counter_ns()
        is_head = visit.request.method == "HEAD"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.answer(message["status"])
            elif is_head:
                message = {**message, "body": b""}  # the same headers, no body (RFC 9110 9.3.2)
            await send(message)

        try:
            response = await self.assembly.routes.answer(address, visit, receive)
            await response(visit.scope, receive, counted)
        finally:
            self.assembly.recorder.note(visit, address.route, time.perf_counter_ns() - started)
            visit.end(address.route)

    async def _collect(self, visit: Served, receive: Receive, send: Send) -> None:
        """Answer in the place of a denied collector; the app never hears of it."""
        started = time.perf_counter_ns()
        try:
            await collect(visit, receive, send)
        finally:
            self.assembly.recorder.note(visit, COLLECTOR, time.perf_counter_ns() - started)
            visit.end(COLLECTOR)


def _counted(visit: Served, send: Send) -> Send:
    """Make the ``send`` of an app that is not gated: what it sends goes on as it is."""

    async def counted(message: Message) -> None:
        visit.answer(message.get("status", visit.status), len(message.get("body", b"")))
        await send(message)

    return counted


def _unread(scope: Scope) -> Scope:
    """The same request without anything a visitor could have said: only silence is left."""
    headers = [pair for pair in scope["headers"] if pair[0].lower() != b"cookie"]
    return {**scope, "headers": headers}
