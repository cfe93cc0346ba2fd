"""Owns the middleware: wires the gates, awaits, sends. Never decides anything itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consentgate.asgi.assembly import House
from consentgate.asgi.collecting import collect, is_collector, is_denied
from consentgate.asgi.consent import SCOPE_KEY, Consent
from consentgate.asgi.explaining import explained, is_bare
from consentgate.asgi.placing import AgeOf, ResidenceOf
from consentgate.asgi.routes import OWN_ROUTE, Handler
from consentgate.asgi.startup.order import misplaced, warn_about_order
from consentgate.asgi.startup.refusing import Refusal, is_serving, misspelt
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import UNKNOWN
from consentgate.errors import ConsentGateError
from consentgate.gates.records.callers import known_callers
from consentgate.gates.visit import FILE_MESSAGES, Visit
from consentgate.log.writing.server_loggers import warn_of_leaks
from consentgate.lookup import PlaceLookup

logger = logging.getLogger("consentgate")


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
            return Refusal(fault)

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
            clock: seconds since the epoch.

        Raises:
            PolicyError: the policy is wrong; every fault at once.
            SecretError: no usable ``CONSENTGATE_SECRET`` in production.
            SettingError: another option is wrong.
        """
        self.app = app
        self._clock = clock
        self._is_order_checked = False
        self._callers = known_callers()
        self._refusal: Refusal | None = None
        try:
            self.house = House.open(
                policy,
                development=development,
                templates=Path(templates) if templates is not None else None,
                clock=clock,
                places=places,
                age_of=age_of,
                residence_of=residence_of,
            )
        except ConsentGateError as fault:
            if not is_serving():
                raise
            self._refusal = Refusal(fault)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "lifespan" and self._refusal is None:
            self._check_order(scope)
        if self._refusal is not None:
            return await self._refusal(scope, receive, send)
        if (kind != "http" and kind != "websocket") or SCOPE_KEY in scope:
            return await self.app(scope, receive, send)
        if not self._is_order_checked:
            self._is_order_checked = True
            warn_about_order(scope, type(self))
            warn_of_leaks()
        visit = self._open(scope)
        if kind == "http":
            handler = self.house.routes.find(visit)
            if handler is not None:
                return await self._answer(handler, visit, receive, send)
        if self.house.plan.has_collectors and is_collector(visit):
            if is_denied(visit):
                return await self._collect(visit, receive, send)
            visit.asked_consent = True  # whether the app is reached depends on it
        return await self._serve(visit, receive, send)

    def _check_order(self, scope: Scope) -> None:
        """Refuse where another middleware would pass the gate by; warn of what else is odd."""
        self._is_order_checked = True
        fault = misplaced(scope, type(self))
        if fault is not None:
            self._refusal = Refusal(fault)
        warn_of_leaks()

    @property
    def undeclared(self) -> frozenset[str]:
        """Cookies that the app has set by now and the policy does not declare (CKE-15).

        At the end of your own tests it says what the policy still lacks.
        """
        return frozenset(self.house.findings.set_by_app)

    def close(self) -> None:
        """Let go of the ledger and the site log; the gate is not used afterwards."""
        self.house.close()

    def _open(self, scope: Scope) -> Visit:
        house = self.house
        try:
            visit = self._read(scope)
        except Exception:
            house.failed("visit", "the request is served as that of an unknown visitor")
            visit = self._read(_unread(scope))
        root = visit.root_path + house.prefix
        consent = Consent(visit, root, house.opening, house.interests.track)
        inner = visit.scope
        extensions = inner.get("extensions")
        if extensions and any(name in extensions for name in FILE_MESSAGES):
            inner = visit.scope = {**inner, "extensions": _without_file_sending(extensions)}
        inner[SCOPE_KEY] = consent
        state = inner.get("state")
        if state is None:
            inner["state"] = {"consent": consent}
        else:
            state["consent"] = consent
        return visit

    def _read(self, scope: Scope) -> Visit:
        house = self.house
        caller = self._callers[_agent(scope)]
        is_bot = caller.is_crawler
        now = int(self._clock())
        regime, country = (UNKNOWN, None) if is_bot else house.placing.placed(scope, now)
        return Visit(
            scope,
            house.plan,
            house.reader,
            regime,
            now,
            country=country,
            is_minor=house.placing.is_minor(scope, regime),
            is_bot=is_bot,
            caller=caller,
            asks_identity=house.findings.asks_identity,
            on_page=house.on_page,
        )

    async def _answer(self, handler: Handler, visit: Visit, receive: Receive, send: Send) -> None:
        """Serve one of our own addresses; it is noted under its address, never the visitor's."""
        started = time.perf_counter_ns()
        visit.scope["route"] = OWN_ROUTE

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
            await send(message)

        try:
            await handler(visit, receive, counted)
        finally:
            self.house.note(visit, time.perf_counter_ns() - started)
            _let_go(visit)

    async def _collect(self, visit: Visit, receive: Receive, send: Send) -> None:
        """Answer in the place of a denied collector; the app never hears of it."""
        started = time.perf_counter_ns()
        try:
            await collect(visit, receive, send)
        finally:
            self.house.note(visit, time.perf_counter_ns() - started)
            _let_go(visit)

    async def _serve(self, visit: Visit, receive: Receive, send: Send) -> Any:
        started = time.perf_counter_ns()

        async def guarded(message: Message) -> None:
            try:
                passing = (
                    self._explained(visit, message) if visit.refused else visit.outgoing(message)
                )
            except Exception:
                self.house.failed("gate", "no cookie is set, the rest passes as the app sent it")
                passing = visit.give_up(message)
            for one in passing:
                await send(one)

        try:
            return await self.app(visit.scope, receive, guarded)
        except BaseException:
            if not visit.status:
                visit.status = 500
            raise
        finally:
            self.house.note(visit, time.perf_counter_ns() - started)
            _let_go(visit)

    def _explained(self, visit: Visit, message: Message) -> tuple[Message, ...]:
        """Put the explanation in the place of a bare refusal; what else the app sends passes."""
        if visit.is_explained:
            return ()
        if is_bare(message) and visit.scope["type"] == "http":
            visit.is_explained = True
            return explained(self.house, visit, message)
        return visit.outgoing(message)


def _let_go(visit: Visit) -> None:
    """Forget what leads back to a visit that is over; circles wait for the garbage collector."""
    rest = dict(visit.scope)
    rest.pop(SCOPE_KEY, None)
    rest.pop("state", None)
    visit.scope = rest


def _unread(scope: Scope) -> Scope:
    """The same request without anything a visitor could have said: only silence is left."""
    headers = [pair for pair in scope["headers"] if pair[0].lower() != b"cookie"]
    return {**scope, "headers": headers}


def _agent(scope: Scope) -> bytes:
    """The User-Agent; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return bytes(value)
    return b""


def _without_file_sending(extensions: dict[str, Any]) -> dict[str, Any]:
    """Hide what would let a page's body pass beside the gate (STO-15)."""
    return {name: value for name, value in extensions.items() if name not in FILE_MESSAGES}
