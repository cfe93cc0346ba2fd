"""Owns the visit: one request with its answer, between the server and the app."""

from __future__ import annotations

from consentgate.gates.answer import Answer
from consentgate.gates.cookies.request import drop_denied_cookies
from consentgate.gates.gated import Found
from consentgate.gates.headers.following import without_identifiers
from consentgate.gates.messages import ZEROCOPY


class Visit(Answer):
    """One request and its answer: what the app sees of the one, what passes of the other."""

    __slots__ = ()

    def hide(self, *, asks_identity: bool = False) -> None:
        """Take out of the scope what the app may not see; call it before the app gets it.

        Args:
            asks_identity: whether the app compresses what the gate must read, so that pages are
                asked for without any coding.
        """
        request = self.request
        headers, self.found = drop_denied_cookies(request, self.outcome)
        if not (request.is_marked or asks_identity or self.outcome.strips_click_ids):
            if headers is not request.headers:
                self.scope = {**self.scope, "headers": headers}
            return
        changed, conditions = without_identifiers(
            self.scope,
            headers,
            self.outcome,
            is_marked=request.is_marked,
            asks_identity=asks_identity,
        )
        if conditions:
            self._far.conditions = conditions
        headers = changed.pop("headers", headers)
        if changed or headers is not request.headers:
            self.scope = {**self.scope, **changed, "headers": headers}

    def hide_file_sending(self) -> None:
        """Hide from the app what would let a page's body pass beside the gate (STO-15).

        A path stays: the gate reads the file of a page itself, and leaves the others.
        """
        extensions = self.scope.get("extensions") or {}
        if ZEROCOPY in extensions:
            left = {name: extensions[name] for name in extensions if name != ZEROCOPY}
            self.scope = {**self.scope, "extensions": left}

    @property
    def is_page(self) -> bool:
        """Whether a page is on its way whose body has not begun: a file may still be one."""
        progress = self._progress
        return progress is not None and progress.page is not None and not progress.has_begun

    def come_upon(self, found: Found) -> None:
        """Note what was found before the app was asked."""
        self.found = self.found.merged(found)

    def explain(self, bytes_out: int) -> None:
        """Note that the gate explains a refused feature in the app's place."""
        self._far.is_explained = True
        self.answer(409, bytes_out)

    @property
    def is_explained(self) -> bool:
        """Whether what the app goes on to send is not passed on: the gate has explained."""
        return self._far.is_explained
