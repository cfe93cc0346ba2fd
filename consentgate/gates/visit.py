"""Owns the visit: one request with its answer, between the server and the app."""

from __future__ import annotations

from consentgate.gates.answer import Answer, Gates
from consentgate.gates.cookies.request import drop_denied_cookies
from consentgate.gates.headers.following import without_identifiers
from consentgate.gates.messages import FILE_MESSAGES, Scope
from consentgate.gates.request import Request
from consentgate.gates.visitors.visitor import Visitor


class Visit(Answer):
    """One request and its answer: what the app sees of the one, what passes of the other."""

    __slots__ = ("_is_explained", "scope")

    def __init__(
        self,
        scope: Scope,
        request: Request,
        visitor: Visitor,
        gates: Gates,
        now: int,
        asks_identity: bool = False,
    ) -> None:
        """Decide, and make the scope that the app may see.

        Args:
            scope: an ``http`` or ``websocket`` scope; never changed here, see ``scope``.
            request: what was read of it.
            visitor: who asks.
            gates: what all visits share.
            now: whole seconds since the epoch.
            asks_identity: whether the app compresses what the gate must read, so that pages are
                asked for without any coding.
        """
        Answer.__init__(self, request, visitor, gates, now)  # half of what super() costs
        self._is_explained = False
        self.scope = scope
        """What the app gets: the server's own scope where nothing is taken away."""
        is_marked = request.is_marked
        if request.cookies or is_marked or asks_identity or self.outcome.strips_click_ids:
            self.scope = self._scope_for_app(scope, asks_identity)

    def _scope_for_app(self, scope: Scope, asks_identity: bool) -> Scope:
        """The scope without what the app may not see; the same one where that is nothing."""
        request = self.request
        headers, self.found = drop_denied_cookies(request, self.outcome)
        changed, self._conditions = without_identifiers(
            scope,
            headers,
            self.outcome,
            is_marked=request.is_marked,
            asks_identity=asks_identity,
        )
        headers = changed.pop("headers", headers)
        is_whole = not changed and headers is request.headers
        return scope if is_whole else {**scope, **changed, "headers": headers}

    def explain(self, bytes_out: int) -> None:
        """Note that the gate explains a refused feature in the app's place."""
        self._is_explained = True
        self.answer(409, bytes_out)

    @property
    def is_explained(self) -> bool:
        """Whether what the app goes on to send is not passed on: the gate has explained."""
        return self._is_explained

    def hide_file_sending(self) -> None:
        """Hide from the app what would let a page's body pass beside the gate (STO-15)."""
        extensions = self.scope.get("extensions") or {}
        if not FILE_MESSAGES.isdisjoint(extensions):
            left = {name: extensions[name] for name in extensions if name not in FILE_MESSAGES}
            self.scope = {**self.scope, "extensions": left}

    def end(self, route: object) -> None:
        """Let go of the app's scope, which leads back here: no circle waits for the collector.

        Args:
            route: what is kept of it, for what the app still tells.
        """
        self.scope = {"route": route}
