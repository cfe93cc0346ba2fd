"""Owns finding out who asks, from a request and the policy; never reads a clock or a store."""

from __future__ import annotations

from consentgate.domain.choices import Choice
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import NONE
from consentgate.formats import cookies
from consentgate.gates.plan import Plan
from consentgate.gates.records.callers import Caller
from consentgate.gates.request import Request
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import OwnCookies, Visitor


def visitor_of(
    request: Request,
    plan: Plan,
    reader: TokenReader,
    regime: Regime,
    now: int,
    country: str | None = None,
    is_minor: bool = False,
    caller: Caller | None = None,
) -> Visitor:
    """Find out who asks.

    Args:
        request: as it came.
        plan: the policy, prepared.
        reader: turns tokens into a choice.
        regime: rules of the visitor's place.
        now: whole seconds since the epoch.
        country: of the visitor's place; empty: not known, None: not looked up.
        is_minor: whether the app knows the visitor to be below the regime's age.
        caller: what the User-Agent says, where it was read.
    """
    stated = request.stated
    signals = NONE if stated is NONE else plan.honoured(stated, regime)
    if request.cookies:
        name = plan.token_names[request.is_https]
        carriers = [value for value in request.cookies if name in value]
        if carriers:  # the names of our other cookies begin with the token's
            choice, own = _read_own(carriers, request, plan, reader, now)
            return Visitor(regime, signals, choice, is_minor, caller, country, own)
    return Visitor(regime, signals, None, is_minor, caller, country)


def _read_own(
    carriers: list[bytes], request: Request, plan: Plan, reader: TokenReader, now: int
) -> tuple[Choice | None, OwnCookies]:
    """Take in cookies of ours; over HTTPS only the ``__Host-`` ones count (SEC-01)."""
    is_https = request.is_https
    choice: Choice | None = None
    tokens = cookies.values_in(carriers, plan.token_names[is_https])
    if tokens:
        choice = reader.read(tokens, now)
    once = cookies.values_in(carriers, plan.once_names[is_https])
    if once:
        choice = reader.read_once(once, choice, now)
    news = cookies.values_in(carriers, plan.news_names[is_https])
    return choice, OwnCookies(tokens, bool(once), news)
