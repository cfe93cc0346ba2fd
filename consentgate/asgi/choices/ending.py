"""Owns which earlier grants an act ends; never records it."""

from __future__ import annotations

from typing import NamedTuple

from consentgate.asgi.choices.acts import Act
from consentgate.asgi.revoking.marks import mark_of
from consentgate.formats import cookies
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.tokens import TokenReader


class Ending(NamedTuple):
    """The grants that end with an act."""

    tokens: tuple[bytes, ...]
    """The tokens that carry them, as the browser sent them."""
    ids: tuple[str, ...]
    """Their ids."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What the ledger says of them."""
        return tuple(mark_of(one).hex() for one in self.ids)


def ending_of(act: Act, visit: Visit, reader: TokenReader) -> Ending:
    """The grants that an act ends: each that it replaces, so that no older cookie outlives it.

    What is granted for this browser session leaves the lasting choice as it is; a single service
    or a signal leaves the session's.
    """
    request, plan = visit.request, visit.outcome.plan
    fields = [pair[1] for pair in request.cookies]
    tokens: list[bytes] = []
    if not act.is_once and act.kind != "signal":
        tokens += visit.visitor.own.tokens
    if act.is_once or act.kind not in ("service", "signal"):
        tokens += cookies.values_in(fields, plan.once_names[request.is_https])
    ids = {one: None for token in tokens for one in reader.ids((token,))}
    return Ending(tuple(tokens), tuple(ids))
