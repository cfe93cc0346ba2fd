"""Owns what the app sees of a visitor's consent; never decides anything itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from starlette.datastructures import State
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection

from consentgate.domain.decision import Decision, Reason
from consentgate.errors import SettingError

if TYPE_CHECKING:
    from consentgate.gates.ended import Ended
    from consentgate.gates.visit import Visit

SCOPE_KEY = "consentgate"
REFUSAL_MARK = "x-consentgate-refused"
"""Header by which the gate knows a bare refusal of its own; it never leaves the gate."""
_MOST_REASON_BYTES = 123
"""Room in a WebSocket close frame (RFC 6455 5.5)."""


class Edge(Protocol):
    """What the app's view needs of the gate."""

    @property
    def prefix(self) -> str:
        """Of our own addresses."""

    def opening(self, visit: Visit, language: str) -> bytes:
        """The first layer of a visit, or the way back; empty language: the browser's."""

    def subject_of(self, visit: Visit) -> str:
        """The ledger's reference of the visit's grant; empty where there is none."""

    def track(self, visit: Visit, event: str, properties: Mapping[str, object]) -> None:
        """Note a declared sign of interest; never raises."""


class Consent:
    """What this visitor permits on this request.

    Also at ``request.state.consent``, in HTTP and WebSocket alike. A response to a request
    that asked is marked as depending on the visitor.
    """

    __slots__ = ("_edge", "_visit")

    _visit: Visit
    _edge: Edge

    def ended(self) -> Ended:
        """What the logs would be told of the visit by now; for the gate's own use."""
        return self._visit.ended(None)

    @property
    def root(self) -> str:
        """Address of the choices page, with the app's mount path."""
        return self._visit.request.root_path + self._edge.prefix

    def allows(self, key: str) -> bool:
        """Whether data may be used for a purpose, or by a service; undeclared ones never."""
        self._visit.use.ask()
        return self._visit.outcome.decision.allows(key)

    def why(self, key: str) -> Reason:
        """Why ``allows`` answers what it answers; ``.value`` is a sentence."""
        self._visit.use.ask()
        return self._visit.outcome.decision.why(key)

    def banner(self, language: str = "") -> str:
        """The first layer, or the way back, for a site that places it itself.

        The gate then puts none into this page. Safe markup (it has ``__html__``); for Jinja2
        see ``privacy_context``.

        Args:
            language: the page's language tag; empty takes the browser's.
        """
        from markupsafe import Markup

        self._visit.use.place()
        return Markup(self._edge.opening(self._visit, language).decode("ascii"))

    def track(self, event: str, /, **properties: str | int | bool) -> None:
        """Note that a feature is used: ``consent.track("export_clicked", plan="pro")``.

        Only events that the policy declares (``[log] events``) are noted, with the values it
        declares: summed up for everyone, a record of its own where the visitor granted
        ``statistics``. Works whatever was granted, and never raises; what is not declared is
        said once in the log.
        """
        self._edge.track(self._visit, event, properties)

    @property
    def decision(self) -> Decision:
        """Every verdict at once."""
        self._visit.use.ask()
        return self._visit.outcome.decision

    @property
    def subject(self) -> str:
        """The reference under which this visitor's grant is proven; empty where there is none.

        It leads to no cookie. An app that keeps data of its own under it can give it out and
        erase it with the rest (``data_of``, ``erase_of``); a new grant has a new one.
        """
        self._visit.use.ask()
        return self._edge.subject_of(self._visit)

    @property
    def regime(self) -> str:
        """Code of the rules that apply: ``FR``, ``US-CA``, ``ZZ`` for an unknown place."""
        self._visit.use.ask()
        return self._visit.outcome.regime.code

    @property
    def gpc(self) -> bool:
        """Whether Global Privacy Control counts, now or remembered (SIG-01, SIG-07)."""
        return self.decision.signals.gpc

    @property
    def dnt(self) -> bool:
        """Whether Do-Not-Track counts, now or remembered (SIG-18)."""
        return self.decision.signals.dnt

    def refusal(self, key: str) -> ConsentRequired:
        """The error to raise where a feature needs what ``key`` names; ``require`` does it."""
        self._visit.use.need(key)
        return ConsentRequired(key, self.why(key), self.root)

    def __repr__(self) -> str:
        verdicts = self._visit.outcome.decision.purposes.items()
        allowed = ", ".join(key for key, verdict in verdicts if verdict.is_granted)
        return f"<Consent {allowed}>"


def consent_of(visit: Visit, edge: Edge) -> Consent:
    """Make the app's view of a visit; an ``__init__`` would cost each request as much again."""
    consent = Consent()
    consent._visit = visit
    consent._edge = edge
    return consent


class ConsentState(State):
    """What a gate puts into ``request.state``, for type checkers: ``Request[ConsentState]``."""

    consent: Consent


class ConsentRequired(HTTPException):
    """A feature needs a purpose that is denied: 409, why, and where to change it (SIG-30).

    The gate explains it to the visitor: a page for a browser, problem details for a script. An
    exception handler of the app's for this class has the last word, as long as it does not pass
    ``headers`` on.
    """

    def __init__(self, key: str, reason: Reason, address: str) -> None:
        super().__init__(
            409,
            f"This feature needs the purpose “{key}”, which is denied: {reason.value}. "
            f"It can be granted at {address}",
            headers={
                "link": f'<{address}>; rel="privacy-choices"',
                "cache-control": "no-store",
                REFUSAL_MARK: "1",
            },
        )
        self.key = key
        self.reason = reason
        self.address = address


def get_consent(connection: HTTPConnection) -> Consent:
    """Give the consent of a request or WebSocket; a FastAPI dependency as it stands.

    Raises:
        SettingError: no ConsentGate stands before the app.
    """
    consent = connection.scope.get(SCOPE_KEY)
    if not isinstance(consent, Consent):
        raise SettingError(
            "get_consent: this request did not pass a ConsentGate; "
            'add app.add_middleware(ConsentGate, policy="consentgate.toml") as the last one'
        )
    return consent


def privacy_context(request: HTTPConnection) -> dict[str, Any]:
    """Give templates ``consent`` and ``privacy_banner()``: a context processor for Starlette.

    ``Jinja2Templates("templates", context_processors=[privacy_context])``; then a template may
    say ``{{ privacy_banner() }}`` and ``{% if consent.allows("statistics") %}``.

    Raises:
        SettingError: no ConsentGate stands before the app.
    """
    consent = get_consent(request)
    return {"consent": consent, "privacy_banner": consent.banner}


def require(key: str) -> Callable[[HTTPConnection], Awaitable[Consent]]:
    """Make a dependency that lets a feature run only where a purpose or service is granted.

    Otherwise HTTP answers 409: a browser gets the choices page, which leads back here, a script
    gets problem details; a WebSocket is refused (policy violation, 1008). The rest of the site
    is never walled.

    Args:
        key: a purpose or service of the policy; unknown keys are always denied.
    """

    async def granted(connection: HTTPConnection) -> Consent:
        consent = get_consent(connection)
        if consent.allows(key):
            return consent
        refusal = consent.refusal(key)
        if connection.scope["type"] == "websocket":
            reason = f"needs {key}, see {consent.root}".encode()[:_MOST_REASON_BYTES]
            raise WebSocketException(1008, reason.decode("utf-8", "ignore"))
        raise refusal

    return granted
