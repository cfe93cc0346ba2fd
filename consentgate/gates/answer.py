"""Owns the answer to one request, as a pure state machine.

What the app sends goes in message by message, and what may pass comes out. Never awaits, reads no
clock, knows no server and no store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from consentgate.formats.headers import Headers
from consentgate.formats.html.head import Opening
from consentgate.gates.cookies.lines import expire, passing_lines, with_lines
from consentgate.gates.cookies.remembered import remembering_token, token_line
from consentgate.gates.ended import Ended
from consentgate.gates.gated import NOTHING, Found
from consentgate.gates.headers.caching import VISITOR, with_private, with_vary
from consentgate.gates.headers.names import CONTACT, COOKIE, TYPE, VALIDATOR, marks
from consentgate.gates.headers.response import gated_headers, without_strangers
from consentgate.gates.headers.tracking import with_tk
from consentgate.gates.headers.validators import (
    Answered,
    KnownValidators,
    shared_validators_for,
)
from consentgate.gates.messages import FILE_MESSAGES, HEADER_MESSAGES, SIDE_MESSAGES, Message, Scope
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.pages.beacons import Beacons, Hold
from consentgate.gates.pages.beside import BESIDE
from consentgate.gates.pages.documents import Kind, is_wide, types, with_length
from consentgate.gates.pages.nonces import nonce_of
from consentgate.gates.pages.page_headers import (
    goes_at_once,
    kind_of_answer,
    marks_of,
    page_headers,
    spared_message,
    unread_headers,
    unread_page,
    wide_headers,
)
from consentgate.gates.pages.site_verdicts import site_verdicts
from consentgate.gates.request import Request
from consentgate.gates.side_messages import gated_side
from consentgate.gates.states import TRANSITIONS, Event, Progress, State
from consentgate.gates.use import Use
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import Visitor

_STARTING, _PASSING, _OTHER = State.STARTING, State.PASSING, Kind.OTHER
OnPage = Callable[["Answer"], tuple[bytes, Opening, Hold | None]]
"""Gives what a page gets: bytes for its head, what goes right after ``<body>``, and what draws
the placeholders of held frames."""


@dataclass(frozen=True, slots=True)
class Gates:
    """What all visits of one site share."""

    outcomes: Outcomes
    reader: TokenReader
    validators: KnownValidators
    on_page: OnPage | None = None
    """Gives the markup of a page; None: there is none."""


class Answer:
    """One answer on its way to the visitor, and how far it is."""

    __slots__ = (
        "_gates",
        "_progress",
        "_state",
        "_use",
        "bytes_out",
        "found",
        "now",
        "outcome",
        "request",
        "scope",
        "status",
        "visitor",
    )

    def decide(
        self, scope: Scope, request: Request, visitor: Visitor, gates: Gates, now: int
    ) -> Self:
        """Decide; call it first. An ``__init__`` would cost each request as much again.

        Args:
            scope: the server's.
            request: what was read of it.
            visitor: who asks.
            gates: what all visits share.
            now: whole seconds since the epoch.
        """
        self.scope = scope
        """What the app gets: the server's own scope where nothing is taken away."""
        self.request = request
        self.visitor = visitor
        self.now = now
        self._gates = gates
        self.outcome = gates.outcomes.of(visitor, now)
        self.status = self.bytes_out = 0
        self.found: Found = NOTHING
        """What the gates came upon so far."""
        self._state = _STARTING
        self._use: Use | None = None
        self._progress: Progress | None = None
        return self

    @property
    def _far(self) -> Progress:
        """How far it is; most answers pass as they are and never ask."""
        progress = self._progress
        if progress is None:
            progress = self._progress = Progress()
        return progress

    @property
    def nonce(self) -> str:
        """The nonce that the page's own Content-Security-Policy gives out; empty: none."""
        return self._far.nonce

    @property
    def use(self) -> Use:
        """What the app does with the visitor's consent."""
        use = self._use
        if use is None:
            use = self._use = Use()
        return use

    def passing(self, message: Message) -> Message | None:
        """What goes on for a message, at once; most pass as they are. None: ask ``outgoing``.

        Answered here are those that are no documents, of visits in which nothing happened: their
        cookies are all that a gate asks for.
        """
        kind = message["type"]
        if kind == "http.response.body":
            if self._state is _PASSING:
                self.bytes_out += len(message.get("body", b""))
                return message
        elif kind == "http.response.start" and self.outcome.is_quiet and self._use is None:
            headers = message.get("headers")
            if self.found is NOTHING and type(headers) is list:
                marked = 0
                for name, value in headers:
                    mark = marks[name]
                    if mark:
                        if mark > COOKIE or (mark == TYPE and types[value] is not _OTHER):
                            return None
                        marked |= mark
                if marked & TYPE:
                    self.status = message["status"]
                    self._state = _PASSING
                    passing = self._passing(headers) if marked & COOKIE else headers
                    return message if passing is headers else {**message, "headers": passing}
        return None

    def _is_untouched(self) -> bool:
        """Whether nothing that happened in this visit shows in its answer."""
        return not (self._use is not None and self._use.has_asked) and not self.found.denied

    def outgoing(self, message: Message) -> tuple[Message, ...]:
        """Say what goes on to the visitor for one message of the app.

        Messages that no gate owns pass as the same object, in order, at once. The start of a
        page waits for the first of its bytes where its length was announced.
        """
        kind = message["type"]
        if kind in HEADER_MESSAGES:
            return self._begin(message)
        if kind in SIDE_MESSAGES:
            passing, found = gated_side(message, self.outcome, self.now, self.request.own_host)
            self.found = self.found.merged(found)
            if passing is None:
                return ()
            message = passing
        state = self._state
        if state is State.OVER:
            return ()
        if state is State.SHARED_WAITING:
            return self._answer(self._held(), message)
        if kind == "http.response.body":
            return self._body(message)
        return self._release(message) if state is State.PAGE_WAITING else (message,)

    def give_up(self, message: Message) -> tuple[Message, ...]:
        """Say what still passes of a message that a gate failed on (SEC-03).

        No cookie is set; a page goes on as the app sends it, what was held back first. What
        reaches third parties is then up to the second Content-Security-Policy.
        """
        page, self._far.page = self._far.page, None
        start, self._far.start = self._far.start, None
        self._state = State.PASSING
        root_path = self.request.root_path
        if (spared := spared_message(message, self.outcome, root_path)) is not None:
            return spared
        if page is not None and message["type"] == "http.response.body":
            message = {**message, "body": page.owed(message.get("body", b""))}
        if start is None:
            return (message,)
        headers = unread_page(start["headers"], self.outcome, root_path)
        return ({**start, "headers": with_length(headers, None)}, message)

    def _happen(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]

    def _held(self) -> Message:
        """The start that was held back, which now goes on."""
        start, self._far.start = self._far.start, None
        return start if start is not None else {}

    def _begin(self, message: Message) -> tuple[Message, ...]:
        """Gate the headers of an answer."""
        self._state = State.STARTING
        self.status = message.get("status", 101)
        given = message.get("headers", ())
        headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
        marked, kind = marks_of(headers)
        if kind is not _OTHER:
            kind = kind_of_answer(message, headers, self.request.headers, self.outcome)
        gated = self._passing(headers) if marked & COOKIE else headers
        is_still = self.outcome.is_quiet and self._is_untouched()
        if kind is not _OTHER or marked & CONTACT or not is_still:
            gated = self._gated(gated, marked, kind, message)
        if gated is not given and (gated or "headers" in message):
            message = {**message, "headers": gated}
        if self._progress is None or self._far.page is None:
            return self._begin_other(message, has_validator=bool(marked & VALIDATOR))
        if goes_at_once(message, self.outcome):
            self._happen(Event.PAGE_BEGAN)
            return (message,)
        self._far.start = message
        self._happen(Event.PAGE_WAITS)
        return ()

    def _passing(self, headers: Headers) -> Headers:
        """The headers without the cookies of the app that may not pass."""
        passing, found = passing_lines(headers, self.outcome, self.now)
        if found is not NOTHING:
            self.found = self.found.merged(found)
        return passing

    def _gated(self, headers: Headers, marked: int, kind: Kind, message: Message) -> Headers:
        """The headers of the answer, after every gate; a page gets ready to be rewritten."""
        outcome, is_asked, root_path = self.outcome, self.use.has_asked, self.request.root_path
        is_shared = outcome.has_shared_pages and kind is Kind.PAGE and not is_asked
        if not is_shared and (self.found.denied or self.visitor.signals.is_set):
            headers = with_lines(headers, self.own_lines())
        if marked & CONTACT:
            headers, found = without_strangers(headers, outcome, self.request.own_host)
            self.found = self.found.merged(found)
            headers = gated_headers(headers, outcome.for_page, is_for_all=outcome.has_shared_pages)
        if kind is Kind.PAGE:
            headers = self._open_page(headers)
        elif kind in BESIDE:
            headers, self._far.page = BESIDE[kind](headers, outcome, self.request)
        elif kind is not _OTHER:
            headers, found = unread_headers(headers, kind, outcome, root_path, is_asked=is_asked)
            self.found = self.found.merged(found)
        elif is_asked:
            headers = with_private(with_vary(headers, VISITOR))
        is_page = self._far.page is not None
        is_for_one = (is_page and not is_shared) or is_asked
        tells = outcome.plan.tells_always or (self.visitor.signals.dnt and is_for_one)
        if tells and message["type"] == "http.response.start":
            headers = with_tk(headers, outcome, is_for_one=is_for_one)
        return with_length(headers, None) if is_page and message.get("trailers") else headers

    def _begin_other(self, message: Message, *, has_validator: bool) -> tuple[Message, ...]:
        """Let an answer begin whose body is not rewritten."""
        shared = None
        if has_validator:
            headers = message["headers"]
            shared = shared_validators_for(
                self.request, self.outcome, self._gates.validators, self._far.conditions, headers
            )
        if shared is None:
            self._happen(Event.BEGAN)
            return (message,)
        self._far.shared = shared
        answered = shared.start(message)
        if answered is None:
            self._far.start = message
            self._happen(Event.SHARED_WAITS)
            return ()
        self._happen(Event.ANSWERED if answered.is_over else Event.BEGAN)
        return self._counted(answered)

    def _answer(self, start: Message, message: Message) -> tuple[Message, ...]:
        """Let a start go on that waited for its validator, with what came after it."""
        if self._far.shared is None:
            return (start, message)
        answered = self._far.shared.first(start, message)
        self._happen(Event.ANSWERED if answered.is_over else Event.RELEASED)
        return self._counted(answered)

    def _counted(self, answered: Answered) -> tuple[Message, ...]:
        for message in answered.messages:
            self.answer(message.get("status", self.status), len(message.get("body", b"")))
        return answered.messages

    def own_lines(self) -> list[bytes]:
        """Our own ``Set-Cookie`` lines, once a visit: expiries, and the signal to remember."""
        if self._far.is_line_added:
            return []
        self._far.is_line_added = True
        lines = expire(self.request, self.found.denied, self.outcome, self.now)
        token = remembering_token(self.visitor, self.outcome, self._gates.reader, self.now)
        if token is None:
            return lines
        return [*lines, token_line(token, self.outcome, is_https=self.request.is_https)]

    def _open_page(self, headers: Headers) -> Headers:
        """Get ready to put markup into a page; what caches may do follows from that."""
        self._far.nonce = nonce_of(headers)
        on_page, outcome = self._gates.on_page, self.outcome.for_page
        head, opening, hold = on_page(self) if on_page else (b"", b"", None)
        judge = site_verdicts(outcome, self.request.own_host)
        self._far.page = Beacons(outcome, head, opening, hold, judge)
        root_path, is_asked = self.request.root_path, self.use.has_asked
        return page_headers(headers, self.outcome, root_path, is_asked=is_asked)

    def _body(self, message: Message) -> tuple[Message, ...]:
        page = self._far.page
        if page is None:
            self.bytes_out += len(message.get("body", b""))
            return (message,)
        given = bytes(message.get("body", b""))  # Starlette's responses take a memoryview, too
        if given and not self._far.has_begun:
            self._far.has_begun = True
            if is_wide(given):
                return self._pass_page(message, self._as_wide)
        is_last = not message.get("more_body", False)
        if is_last and not given and not self._far.has_begun and self.request.method == "HEAD":
            return self._pass_page(message, lambda headers: with_length(headers, None))
        body = page.close(given) if is_last else page.feed(given)
        self.bytes_out += len(body)
        passing = message if body is given else {**message, "body": body}
        is_waiting = self._state is State.PAGE_WAITING
        if is_last:
            self._far.page = None
            self._happen(Event.ENDED)
            self.found = self.found.merged(page.found)
        elif is_waiting:
            self._happen(Event.RELEASED)
        if not is_waiting:
            return (passing,)
        start = self._held()
        headers = with_length(start["headers"], len(body) if is_last else None)
        return ({**start, "headers": headers}, passing)

    def _release(self, message: Message) -> tuple[Message, ...]:
        """Let the waiting start of a page go before a message that is no body of ours.

        A file that the server sends itself is what the start announced; after anything else
        the body is still to come, of a length that nobody knows yet.
        """
        start = self._held()
        if message["type"] in FILE_MESSAGES:
            self._far.page = None
            self._happen(Event.ENDED)
            return (start, message)
        self._happen(Event.RELEASED)
        return ({**start, "headers": with_length(start["headers"], None)}, message)

    def _pass_page(
        self, message: Message, headers_of: Callable[[Headers], Headers]
    ) -> tuple[Message, ...]:
        """Let a page go as it is: in UTF-16, or to HEAD, where nobody knows its length."""
        self._far.page = None
        self.bytes_out += len(message.get("body", b""))
        is_waiting = self._state is State.PAGE_WAITING
        self._happen(Event.ENDED)
        start = self._held()
        start = {**start, "headers": headers_of(start.get("headers", []))}
        return (start, message) if is_waiting else (message,)

    def _as_wide(self, headers: Headers) -> Headers:
        """The headers of a page in UTF-16, which only its first byte gives away."""
        headers, found = wide_headers(headers, self.outcome, self.request.root_path)
        self.found = self.found.merged(found)
        return headers

    def answer(self, status: int, bytes_out: int = 0) -> None:
        """Note that the gate itself answers with this status, and how long the body is."""
        self.status = status
        self.bytes_out += bytes_out

    def collect(self) -> None:
        """Note that the gate answers in the place of a denied collector."""
        self._far.is_collected = True

    def ended(self, route: object) -> Ended:
        """What the logs are told.

        Args:
            route: what the app's router left in the scope, or one of our own.
        """
        is_collected = self._progress is not None and self._progress.is_collected
        facts = (
            self.request,
            self.visitor,
            self.outcome,
            self.now,
            self.status,
            self.bytes_out,
            route,
            self.found,
            is_collected,
        )
        return tuple.__new__(Ended, facts)  # half of what calling the class costs
