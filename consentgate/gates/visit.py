"""Owns the visit: one request with its response, as a pure state machine.

A request goes in as a scope, what the app sends goes in message by message, and what may pass
comes out. Never awaits, reads no clock, knows no server and no store.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from consentgate.domain.choices import Choice
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import NONE, Signals, read_signals
from consentgate.formats import cookies
from consentgate.formats.html_openings import Opening
from consentgate.gates.beacons import Beacons, Hold
from consentgate.gates.caching import PAGE, VISITOR, with_private, with_vary
from consentgate.gates.documents import is_page, with_length, without_stale
from consentgate.gates.nonces import nonce_of
from consentgate.gates.plan import Outcome, Pass, Plan
from consentgate.gates.remembered import remembering_token
from consentgate.gates.request_cookies import Headers, Sifted, sift
from consentgate.gates.response_cookies import expiries, may_set, repeated_names, unseen_expiries
from consentgate.gates.tokens import TokenReader
from consentgate.gates.tracking import with_tk

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

_READ_NAMES = frozenset((b"cookie", b"host", b"sec-gpc", b"dnt", b"sec-purpose"))
_HEADER_MESSAGES = frozenset(
    ("http.response.start", "websocket.accept", "websocket.http.response.start")
)
FILE_MESSAGES = frozenset(("http.response.pathsend", "http.response.zerocopysend"))
"""A body that the server reads from a file: the gate never sees its bytes."""
OnPage = Callable[["Visit"], tuple[bytes, Opening, Hold | None]]
"""Gives what a page gets: bytes for its head, what goes right after ``<body>``, and what draws
the placeholders of held frames."""


class Visit:
    """One request and its response, between the server and the app."""

    __slots__ = (
        "_denied",
        "_expired",
        "_held",
        "_on_page",
        "_openings",
        "_path",
        "_raw_path",
        "asked_consent",
        "bytes_out",
        "choice",
        "has_once",
        "header_at",
        "host",
        "is_bot",
        "is_explained",
        "is_https",
        "is_minor",
        "is_opening_placed",
        "news",
        "nonce",
        "now",
        "outcome",
        "plan",
        "reader",
        "refused",
        "repeated",
        "root_path",
        "scope",
        "signals",
        "status",
        "tokens",
        "undeclared",
        "undeclared_set",
    )

    def __init__(
        self,
        scope: Scope,
        plan: Plan,
        reader: TokenReader,
        regime: Regime,
        now: int,
        *,
        is_minor: bool = False,
        is_bot: bool = False,
        on_page: OnPage | None = None,
    ) -> None:
        """Read the request's headers once and decide.

        Args:
            scope: an ``http`` or ``websocket`` scope; never changed, see ``scope``.
            plan: the policy, prepared.
            reader: turns tokens into a choice.
            regime: rules of the visitor's place.
            now: whole seconds since the epoch.
            is_minor: whether the app knows the visitor to be below the regime's age.
            is_bot: whether a program reads, not a person.
            on_page: gives the markup that a page gets.
        """
        self.plan = plan
        self.is_minor = is_minor
        self.is_bot = is_bot
        self.reader = reader
        self.now = now
        self.status = 0
        self.bytes_out = 0
        self.asked_consent = False
        self.refused = ""
        """Purpose or service that the app asked for in vain with ``require``."""
        self.is_explained = False
        self.nonce = ""
        self.is_opening_placed = False
        self.undeclared: list[bytes] = []
        """Names that the browser sent and nobody declared."""
        self.undeclared_set: list[bytes] = []
        """Names that the app set and nobody declared."""
        self.repeated: list[bytes] = []
        """Names that the app set more than once in one response (CKE-11)."""
        self._denied: list[bytes] = []
        self._expired = False
        self._held: Message | None = None
        self._on_page = on_page
        self._openings: Beacons | None = None
        # as they came: routers of mounted apps write their own into the scope they get
        self.root_path: str = scope.get("root_path", "")
        """Where the app that the gate stands before is mounted; empty at the root."""
        self._path: str = scope.get("path", "/")
        self._raw_path: bytes | None = scope.get("raw_path")
        self.is_https = scope.get("scheme", "http") in ("https", "wss")
        headers: Headers = scope["headers"]
        self.host = ""
        self.header_at: list[int] = []
        self.signals: Signals = NONE
        self.tokens: list[bytes] = []
        self.choice: Choice | None = None
        self.has_once = False
        """Whether the browser brought the cookie for what is granted for its session."""
        self._read(headers, regime)
        self.news = self._tokens(headers, plan.news_names[self.is_https])
        """What the browser says it has read of changes to come."""
        self.outcome: Outcome = plan.outcome(
            regime, self.signals, self.choice, now, is_minor=is_minor
        )
        self.scope = self._sifted(scope, headers) if self.header_at else scope

    def _read(self, headers: Headers, regime: Regime) -> None:
        """Walk the request's headers once: host, signals, where cookies stand, the choice."""
        signalling: Headers | None = None
        for position, (name, value) in enumerate(headers):
            folded = name.lower()
            if folded not in _READ_NAMES:
                continue
            if folded == b"cookie":
                self.header_at.append(position)
            elif folded == b"host":
                self.host = value.decode("latin-1")
            elif signalling is None:
                signalling = [(folded, value)]
            else:
                signalling.append((folded, value))
        if signalling is not None:
            self.signals = self.plan.honoured(read_signals(signalling), regime)
        if self.header_at:
            self.tokens = self._tokens(headers, self.plan.token_names[self.is_https])
            self.choice = self.reader.read(self.tokens, self.now) if self.tokens else None
            once = self._tokens(headers, self.plan.once_names[self.is_https])
            if once:
                self.has_once = True
                self.choice = self.reader.read_once(once, self.choice, self.now)

    def _tokens(self, headers: Headers, name: bytes) -> list[bytes]:
        """Values of a cookie of ours; over HTTPS only the ``__Host-`` one counts (SEC-01)."""
        found: list[bytes] = []
        for position in self.header_at:
            value = headers[position][1]
            if name in value:
                found += cookies.values_of(value, name)
        return found

    @property
    def page_outcome(self) -> Outcome:
        """What decides on a page's markup: the visitor, or nobody where caches share pages."""
        return self.plan.shared_outcome or self.outcome

    @property
    def token_name(self) -> str:
        """The name of the token's cookie on this connection."""
        return self.plan.token_names[self.is_https].decode()

    def _sifted(self, scope: Scope, headers: Headers) -> Scope:
        sifted: Sifted = sift(headers, self.header_at, self.outcome)
        self._denied = sifted.denied
        self.undeclared += sifted.undeclared
        if sifted.headers is headers:
            return scope
        return {**scope, "headers": sifted.headers}

    def outgoing(self, message: Message) -> tuple[Message, ...]:
        """Say what goes on to the visitor for one message of the app.

        Messages that no gate owns pass as the same object, in order, at once. The start of a
        page waits for the first of its bytes where its length was announced.
        """
        kind = message["type"]
        if kind == "http.response.body":
            return self._gate_body(message)
        if kind in _HEADER_MESSAGES:
            return self._gate_head(message)
        if self._held is not None:
            return self._release(self._held, message)
        if kind == "http.response.trailers":
            return (self._gate_trailers(message),)
        return (message,)

    def _gate_trailers(self, message: Message) -> Message:
        """Trailers are fields too, and clients have read cookies in them (CKE-06)."""
        given = message.get("headers", ())
        headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
        gated = self.gated_cookies(headers)
        is_same = gated is given or not (gated or "headers" in message)
        return message if is_same else {**message, "headers": gated}

    def _release(self, start: Message, message: Message) -> tuple[Message, ...]:
        """Let the waiting start of a page go before a message that is no body of ours.

        A file that the server sends itself is what the start announced; after anything else
        the body is still to come, of a length that nobody knows yet.
        """
        self._held = None
        if message["type"] in FILE_MESSAGES:
            self._openings = None
            return (start, message)
        return ({**start, "headers": with_length(start["headers"], None)}, message)

    def give_up(self, message: Message) -> tuple[Message, ...]:
        """Say what still passes of a message that a gate failed on (SEC-03).

        No cookie is set; a page goes on as the app sends it, what was held back first. What
        reaches third parties is then up to the second Content-Security-Policy.
        """
        openings, self._openings = self._openings, None
        held, self._held = self._held, None
        if message["type"] in _HEADER_MESSAGES:
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"set-cookie"]
            return ({**message, "headers": kept},)
        if openings is not None and message["type"] == "http.response.body":
            message = {**message, "body": openings.owed(message.get("body", b""))}
        if held is None:
            return (message,)
        return ({**held, "headers": with_length(held["headers"], None)}, message)

    def _gate_head(self, message: Message) -> tuple[Message, ...]:
        self.status = message.get("status", 101)
        given = message.get("headers", ())
        headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
        gated = self.gated_cookies(headers)
        if self._on_page is not None and is_page(self.status, headers):
            gated = self._open_page(gated)
        elif self.asked_consent:
            gated = with_vary(gated, VISITOR)
        if self.plan.tells_always or self.signals.dnt:
            gated = self._tell_tracking(gated, message["type"])
        if self._openings is not None and message.get("trailers", False):
            gated = with_length(gated, None)
        if gated is not given and (gated or "headers" in message):
            message = {**message, "headers": gated}
        if self._openings is None or self._is_streamed(message, headers):
            return (message,)
        self._held = message
        return ()

    def _tell_tracking(self, headers: Headers, kind: str) -> Headers:
        """Put ``Tk`` on an answer made for this visitor; on others only where all carry it."""
        is_for_one = self._openings is not None or self.asked_consent
        if kind != "http.response.start" or not (is_for_one or self.plan.tells_always):
            return headers
        return with_tk(headers, self.outcome, is_for_one=is_for_one)

    def _open_page(self, headers: Headers) -> Headers:
        """Get ready to put markup into a page; what caches may do follows from that."""
        self.nonce = nonce_of(headers)
        head, opening, hold = self._on_page(self) if self._on_page else (b"", b"", None)
        if self.scope.get("method") != "HEAD":
            self._openings = Beacons(self.page_outcome, head, opening, hold)
        headers = without_stale(with_private(with_vary(headers, PAGE)))
        return headers if self._openings else with_length(headers, None)

    def _is_streamed(self, message: Message, headers: Headers) -> bool:
        return message.get("trailers", False) or not any(
            pair[0].lower() == b"content-length" for pair in headers
        )

    def _gate_body(self, message: Message) -> tuple[Message, ...]:
        openings = self._openings
        if openings is None:
            self.bytes_out += len(message.get("body", b""))
            return (message,)
        given = message.get("body", b"")
        is_last = not message.get("more_body", False)
        if is_last:
            body = openings.close(given)
            self._openings = None
        else:
            body = openings.feed(given)
        self.bytes_out += len(body)
        passing = message if body is given else {**message, "body": body}
        if self._held is None:
            return (passing,)
        start, self._held = self._held, None
        headers = with_length(start["headers"], len(body) if is_last else None)
        return ({**start, "headers": headers}, passing)

    def gated_cookies(self, headers: Headers) -> Headers:
        """Drop the ``Set-Cookie`` lines that may not pass, add the expiry of denied cookies.

        Args:
            headers: the app's pairs; returned as they are where nothing changes.
        """
        lines: list[bytes] = []
        blocked: list[int] = []
        for position, pair in enumerate(headers):
            if len(pair[0]) == 10 and pair[0].lower() == b"set-cookie":
                lines.append(pair[1])
                if not may_set(pair[1], self.outcome, self.now, self.undeclared_set):
                    blocked.append(position)
        if len(lines) > 1:
            self.repeated += repeated_names(lines)
        added = () if self._expired else self._added_lines()
        if not blocked and not added:
            return headers
        kept = [pair for position, pair in enumerate(headers) if position not in blocked]
        if added:
            kept = with_private(kept)
            kept += [(b"set-cookie", line) for line in added]
        return kept

    def _added_lines(self) -> list[bytes]:
        self._expired = True
        lines: list[bytes] = []
        if self._denied:
            lines = self.expiries(self.outcome)
        if self.signals.is_set:
            remembered = remembering_token(self)
            if remembered is not None:
                lines.append(self.token_line(remembered))
        return lines

    def expiries(self, outcome: Outcome) -> list[bytes]:
        """Lines that remove every cookie of this request that ``outcome`` denies."""
        return expiries(
            self._denied_by(outcome),
            outcome,
            host=self.host,
            path=self._sent_path,
            is_secure=self.is_https,
            now=self.now,
        )

    def farewells(self, outcome: Outcome) -> list[bytes]:
        """Lines that remove every cookie known to a site that ``outcome`` denies (WDR-02)."""
        unseen = unseen_expiries(
            outcome, host=self.host, path=self._sent_path, is_secure=self.is_https
        )
        return [*self.expiries(outcome), *unseen]

    def _denied_by(self, outcome: Outcome) -> list[bytes]:
        if outcome is self.outcome:
            return self._denied
        headers: Headers = self.scope["headers"]
        passed = [
            name
            for field, value in headers
            if field.lower() == b"cookie"
            for name, _ in cookies.pairs(value)
        ]
        return [name for name in self._denied + passed if outcome.cookie(name) is Pass.DENIED]

    @property
    def path(self) -> str:
        """The request path as the app knows it, without its mount path."""
        path, root = self._path, self.root_path
        is_below = root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/")
        return path[len(root) :] or "/" if is_below else path

    @property
    def _sent_path(self) -> str:
        """The path as the visitor's browser knows it, percent-encoded."""
        raw: bytes = self._raw_path or quoted(self._path)
        return raw.partition(b"?")[0].decode("latin-1")

    @property
    def address(self) -> str:
        """Path and query as the visitor's browser knows them, percent-encoded."""
        path = self._sent_path
        query: bytes = self.scope.get("query_string", b"")
        return f"{path}?{query.decode('latin-1')}" if query else path

    def header(self, name: bytes) -> str:
        """The first request header of that lower-case name; empty where there is none."""
        for key, value in self.scope["headers"]:
            if key.lower() == name:
                return bytes(value).decode("latin-1")
        return ""

    def token_line(self, token: str) -> bytes:
        """The ``Set-Cookie`` line that carries a token (CKE-09)."""
        lifetimes = self.plan.policy.lifetimes
        days = max(lifetimes.grant_days, lifetimes.refusal_days, self.outcome.regime.reask_days)
        return cookies.set_cookie(
            self.token_name,
            token,
            max_age_seconds=days * 86_400,
            is_secure=self.is_https,
        )


def quoted(path: str) -> bytes:
    """A path as it stands in a URL; what is no character is a question mark."""
    return quote(path, errors="replace").encode()
