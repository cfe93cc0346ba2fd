"""Owns what the logs are told of a visit; they see nothing else of it."""

from __future__ import annotations

from typing import NamedTuple

from consentgate.gates.gated import NOTHING, Found
from consentgate.gates.outcomes import Outcome
from consentgate.gates.records.callers import Caller
from consentgate.gates.request import Request
from consentgate.gates.visitors.visitor import Visitor


class Ended(NamedTuple):
    """One visit, as far as it went."""

    request: Request
    visitor: Visitor
    outcome: Outcome
    now: int
    """When it began, whole seconds since the epoch."""
    status: int
    """Of the answer; 0: none was begun."""
    bytes_out: int
    """Bytes of the body that went to the visitor."""
    route: object
    """What the app's router left in the scope: an object with a path template, or a template
    itself; one of ``asgi/own_routes`` for our own addresses; None: nothing."""
    found: Found = NOTHING
    """What the gates came upon."""
    is_collected: bool = False
    """Whether the gate answered in the place of a denied collector."""

    @property
    def agent(self) -> str:
        """The first 512 characters of the User-Agent."""
        return (self.visitor.caller or Caller.of(self.request.agent)).agent
