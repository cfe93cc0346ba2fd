"""Owns the visit: one request with its response, as a pure state machine.

A request goes in as a scope, what the app sends goes in message by message, and what may pass
comes out. Never awaits, reads no clock, knows no server and no store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from consentgate.domain.choices import Choice
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import NONE, Signals, read_signals
from consentgate.formats import cookies
from consentgate.formats.html.head import Opening
from consentgate.gates.cookies.lines import gated_cookies
from consentgate.gates.cookies.request import Headers, Sifted, sift
from consentgate.gates.headers.caching import VISITOR, with_private, with_vary
from consentgate.gates.headers.request import FOLLOWING, READ_NAMES, UNREAD_NAMES, shielded
from consentgate.gates.headers.response import gated_headers
from consentgate.gates.headers.tracking import with_tk
from consentgate.gates.headers.validators import Blind, blind_for
from consentgate.gates.pages.beacons import Beacons, Hold
from consentgate.gates.pages.documents import Kind, is_wide, with_length
from consentgate.gates.pages.nonces import nonce_of
from consentgate.gates.pages.page_headers import (
    HEADER_MESSAGES,
    OVERLONG,
    goes_at_once,
    is_plain,
    kind_of_answer,
    page_headers,
    spared_message,
    unread_headers,
    unread_page,
    wide_headers,
)
from consentgate.gates.plan import Outcome, Plan
from consentgate.gates.records.callers import Caller
from consentgate.gates.records.header_classes import MOST_SHOWN, NO_PLACES, SHOWN, Shown
from consentgate.gates.side_messages import SIDE_MESSAGES, gated_side
from consentgate.gates.tokens import TokenReader

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

_NO_CONDITIONS: Mapping[bytes, bytes] = MappingProxyType({})
FILE_MESSAGES = frozenset(("http.response.pathsend", "http.response.zerocopysend"))
"""A body that the server reads from a file: the gate never sees its bytes."""
OnPage = Callable[["Visit"], tuple[bytes, Opening, Hold | None]]
"""Gives what a page gets: bytes for its head, what goes right after ``<body>``, and what draws
the placeholders of held frames."""


class Visit:
    """One request and its response, between the server and the app."""

    __slots__ = (
        "_blind",
        "_has_begun",
        "_held",
        "_is_marked",
        "_on_page",
        "_openings",
        "_query",
        "_raw_path",
        "asked_consent",
        "bytes_out",
        "caller",
        "choice",
        "conditions",
        "country",
        "denied",
        "has_once",
        "header_at",
        "host",
        "is_bot",
        "is_collected",
        "is_explained",
        "is_https",
        "is_line_added",
        "is_minor",
        "is_opening_placed",
        "news",
        "nonce",
        "noticed",
        "now",
        "outcome",
        "plan",
        "reader",
        "refused",
        "repeated",
        "root_path",
        "scope",
        "shown",
        "signals",
        "status",
        "tokens",
        "undeclared",
        "undeclared_set",
        "whole_path",
    )

    def __init__(
        self,
        scope: Scope,
        plan: Plan,
        reader: TokenReader,
        regime: Regime,
        now: int,
        *,
        country: str | None = None,
        is_minor: bool = False,
        is_bot: bool = False,
        caller: Caller | None = None,
        asks_identity: bool = False,
        on_page: OnPage | None = None,
    ) -> None:
        """Read the request's headers once and decide.

        Args:
            scope: an ``http`` or ``websocket`` scope; never changed, see ``scope``.
            plan: the policy, prepared.
            reader: turns tokens into a choice.
            regime: rules of the visitor's place.
            now: whole seconds since the epoch.
            country: of the visitor's place, ISO 3166-1; empty: not known, None: not looked up.
            is_minor: whether the app knows the visitor to be below the regime's age.
            is_bot: whether a program reads, not a person.
            caller: what its User-Agent says, where that was read before.
            asks_identity: whether the app compresses what the gate must read, so that pages are
                asked for without any coding.
            on_page: gives the markup that a page gets.
        """
        self.plan, self.reader, self.now = plan, reader, now
        self.country, self.caller = country, caller
        self.is_minor, self.is_bot = is_minor, is_bot
        self.status = self.bytes_out = 0
        self.asked_consent = self.is_explained = self.is_opening_placed = False
        self.refused = ""
        """Purpose or service that the app asked for in vain with ``require``."""
        self.nonce = self.host = ""
        self.is_collected = False
        """Whether the gate answered in the place of a denied collector."""
        self.noticed: tuple[str, ...] = ()
        """Names of what could not be gated as it should be, to be counted."""
        self.undeclared: Sequence[bytes] = ()
        """Names that the browser sent and nobody declared."""
        self.undeclared_set: Sequence[bytes] = ()
        """Names that the app set and nobody declared."""
        self.repeated: Sequence[bytes] = ()
        """Names that the app set more than once in one response (CKE-11)."""
        self.denied: Sequence[bytes] = ()
        """Names that the browser sent and that are denied."""
        self._held: Message | None = None
        self.is_line_added = self._has_begun = self._is_marked = False
        self.conditions: Mapping[bytes, bytes] = _NO_CONDITIONS
        self._blind: Blind | None = None
        self._on_page = on_page
        self._openings: Beacons | None = None
        # as they came: routers of mounted apps write their own into the scope they get
        self.root_path: str = scope.get("root_path", "")
        """Where the app that the gate stands before is mounted; empty at the root."""
        self.whole_path: str = scope.get("path", "/")
        self._raw_path: bytes | None = scope.get("raw_path")
        self._query: bytes = scope.get("query_string", b"")
        self.is_https = scope.get("scheme", "http") in ("https", "wss")
        headers: Headers = scope["headers"]
        self.header_at: tuple[int, ...] = ()
        self.signals: Signals = NONE
        self.tokens: Sequence[bytes] = ()
        self.choice: Choice | None = None
        self.has_once = False
        """Whether the browser brought the cookie for what is granted for its session."""
        self.news: Sequence[bytes] = ()
        """What the browser says it has read of changes to come."""
        self.shown: Shown = [None] * MOST_SHOWN if plan.is_logged else []
        """Headers that the site log puts into classes; empty: there is no log."""
        self._read(headers, regime)
        self.outcome = plan.outcome(regime, self.signals, self.choice, now, is_minor=is_minor)
        is_touched = self.header_at or self._is_marked or self.outcome.strips_click_ids
        is_touched = is_touched or asks_identity
        self.scope = self._shielded(scope, headers, asks_identity) if is_touched else scope

    def _read(self, headers: Headers, regime: Regime) -> None:
        """Walk the request's headers once: host, signals, where cookies stand, the choice."""
        signalling: Headers | None = None
        shown = self.shown
        places = SHOWN if shown else NO_PLACES
        for position, (name, value) in enumerate(headers):
            if name in places:
                if shown[place := places[name]] is None:
                    shown[place] = value
                continue
            if name in UNREAD_NAMES or (folded := name.lower()) not in READ_NAMES:
                continue
            if folded == b"cookie":
                self.header_at += (position,)
            elif folded == b"host":
                self.host = value.decode("latin-1")
            elif folded in FOLLOWING:
                self._is_marked = True
            else:
                signalling = [*(signalling or ()), (folded, value)]
        if signalling is not None:
            self.signals = self.plan.honoured(read_signals(signalling), regime)
        if self.header_at:
            self._read_own([headers[at][1] for at in self.header_at])

    def _read_own(self, fields: list[bytes]) -> None:
        """Take in cookies of ours; over HTTPS only the ``__Host-`` ones count (SEC-01)."""
        name = self.plan.token_names[self.is_https]
        carriers = [value for value in fields if name in value]
        if not carriers:  # the names of our other cookies begin with the token's
            return
        self.tokens = tokens = cookies.values_in(carriers, name)
        if tokens:
            self.choice = self.reader.read(tokens, self.now)
        once = cookies.values_in(carriers, self.plan.once_names[self.is_https])
        if once:
            self.has_once = True
            self.choice = self.reader.read_once(once, self.choice, self.now)
        self.news = cookies.values_in(carriers, self.plan.news_names[self.is_https])

    @property
    def page_outcome(self) -> Outcome:
        """What decides on a page's markup: the visitor, or nobody where caches share pages."""
        return self.plan.shared_outcome or self.outcome

    @property
    def token_name(self) -> str:
        """The name of the token's cookie on this connection."""
        return self.plan.token_names[self.is_https].decode()

    def _shielded(self, scope: Scope, headers: Headers, asks_identity: bool) -> Scope:
        """The scope as the app may see it; the same one where nothing is taken away."""
        kept = headers
        if self.header_at:
            sifted: Sifted = sift(headers, self.header_at, self.outcome)
            kept = sifted.headers
            self.denied = sifted.denied
            self.undeclared = sifted.undeclared
        changed, self.conditions = shielded(
            scope, kept, self.outcome, is_marked=self._is_marked, asks_identity=asks_identity
        )
        kept = changed.pop("headers", kept)
        return {**scope, **changed, "headers": kept} if changed or kept is not headers else scope

    def outgoing(self, message: Message) -> tuple[Message, ...]:
        """Say what goes on to the visitor for one message of the app.

        Messages that no gate owns pass as the same object, in order, at once. The start of a
        page waits for the first of its bytes where its length was announced.
        """
        kind = message["type"]
        if kind in HEADER_MESSAGES:
            return self._gate_head(message)
        if kind in SIDE_MESSAGES:
            passing = gated_side(message, self)
            if passing is None:
                return ()
            message = passing
        if self._blind is not None:
            return self._counted(self._blind.later(message))
        if kind == "http.response.body":
            return self._gate_body(message)
        if self._held is not None:
            return self._release(self._held, message)
        return (message,)

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
        if (spared := spared_message(self, message)) is not None:
            return spared
        if openings is not None and message["type"] == "http.response.body":
            message = {**message, "body": openings.owed(message.get("body", b""))}
        if held is None:
            return (message,)
        return ({**held, "headers": with_length(unread_page(self, held), None)}, message)

    def _gate_head(self, message: Message) -> tuple[Message, ...]:
        self.status = message.get("status", 101)
        given = message.get("headers", ())
        headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
        if headers is given and is_plain(self, headers):
            return (message,)
        kind = kind_of_answer(self, message, headers) if self._on_page else Kind.OTHER
        is_for_all = self.plan.shared_outcome is not None
        is_shared = is_for_all and kind is Kind.PAGE and not self.asked_consent
        gated = gated_cookies(self, headers, adds=not is_shared)
        gated = gated_headers(gated, self.page_outcome, is_for_all=is_for_all)
        if kind is Kind.PAGE:
            gated = self._open_page(gated)
        elif kind is not Kind.OTHER:
            gated = unread_headers(self, gated, kind)
        elif self.asked_consent:
            gated = with_private(with_vary(gated, VISITOR))
        is_for_one = (self._openings is not None and not is_shared) or self.asked_consent
        tells = self.plan.tells_always or (self.signals.dnt and is_for_one)
        if tells and message["type"] == "http.response.start":
            gated = with_tk(gated, self.outcome, is_for_one=is_for_one)
        if self._openings is not None and message.get("trailers", False):
            gated = with_length(gated, None)
        if gated is not given and (gated or "headers" in message):
            message = {**message, "headers": gated}
        if self._openings is None:
            self._blind = None if kind is Kind.PAGE else blind_for(self, gated)
            return (message,) if self._blind is None else self._counted(self._blind.start(message))
        if goes_at_once(self, message):
            return (message,)
        self._held = message
        return ()

    def _open_page(self, headers: Headers) -> Headers:
        """Get ready to put markup into a page; what caches may do follows from that."""
        self.nonce = nonce_of(headers)
        head, opening, hold = self._on_page(self) if self._on_page else (b"", b"", None)
        if self.scope.get("method") != "HEAD":
            self._openings = Beacons(self.page_outcome, head, opening, hold)
        headers = page_headers(self, headers)
        return headers if self._openings else with_length(headers, None)

    def _counted(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        for message in messages:
            self.status = message.get("status", self.status)
            self.bytes_out += len(message.get("body", b""))
        return messages

    def _gate_body(self, message: Message) -> tuple[Message, ...]:
        openings = self._openings
        if openings is None:
            self.bytes_out += len(message.get("body", b""))
            return (message,)
        given = bytes(message.get("body", b""))  # Starlette's responses take a memoryview, too
        if given and not self._has_begun:
            self._has_begun = True
            if is_wide(given):
                return self._pass_wide(message)
        is_last = not message.get("more_body", False)
        if is_last:
            body = openings.close(given)
            self._openings = None
            if openings.overlong:
                self.noticed += (OVERLONG,)
        else:
            body = openings.feed(given)
        self.bytes_out += len(body)
        passing = message if body is given else {**message, "body": body}
        if self._held is None:
            return (passing,)
        start, self._held = self._held, None
        headers = with_length(start["headers"], len(body) if is_last else None)
        return ({**start, "headers": headers}, passing)

    def _pass_wide(self, message: Message) -> tuple[Message, ...]:
        """Let a page in UTF-16 go, which only its first byte gives away."""
        self._openings = None
        start, self._held = self._held, None
        headers = wide_headers(self, start["headers"] if start is not None else [])
        passing = self._counted((message,))
        return passing if start is None else ({**start, "headers": headers}, *passing)

    @property
    def path(self) -> str:
        """The request path as the app knows it, without its mount path."""
        path, root = self.whole_path, self.root_path
        is_below = root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/")
        return path[len(root) :] or "/" if is_below else path

    @property
    def sent_path(self) -> str:
        """The path as the visitor's browser knows it, percent-encoded."""
        raw: bytes = self._raw_path or quoted(self.whole_path)
        return raw.partition(b"?")[0].decode("latin-1")

    @property
    def address(self) -> str:
        """Path and query as the visitor's browser knows them, percent-encoded."""
        path = self.sent_path
        return f"{path}?{self._query.decode('latin-1')}" if self._query else path

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
