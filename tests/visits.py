"""Visits that have ended, as the logs are told of them: made without a server."""

from __future__ import annotations

from typing import Any

from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import UNKNOWN
from consentgate.gates.answer import Gates
from consentgate.gates.ended import Ended
from consentgate.gates.headers.validators import KnownValidators
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.plan import Plan
from consentgate.gates.request import read_request
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.reading import Visitors


class FixedReader:
    """Reads one choice from any token."""

    def __init__(self, choice: Choice | None) -> None:
        self.choice = choice

    def read(self, tokens: list[bytes], now: int) -> Choice | None:
        """The choice, whatever the tokens are."""
        return self.choice


def ended_visit(
    scope: dict[str, Any],
    policy: Policy,
    choice: Choice | None,
    now: int,
    *,
    route: object = None,
    status: int = 200,
    bytes_out: int = 0,
    country: str | None = None,
) -> Ended:
    """What the logs are told of one request, answered with that status."""
    plan = Plan(policy)
    reader: Any = FixedReader(choice)
    request = read_request(scope, is_logged=plan.is_logged)
    visitor = Visitors(plan, reader).of(request, (UNKNOWN, country), now)
    gates = Gates(Outcomes(plan), reader, KnownValidators())
    visit = Visit().decide(scope, request, visitor, gates, now)
    visit.answer(status, bytes_out)
    return visit.ended(route)
