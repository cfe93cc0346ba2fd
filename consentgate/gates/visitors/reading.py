"""Owns finding out who asks, from a request and the policy; never reads a clock or a store."""

from __future__ import annotations

from consentgate.domain.choices import Choice
from consentgate.domain.signals import NONE
from consentgate.formats import cookies
from consentgate.gates.plan import Plan
from consentgate.gates.records.callers import Caller
from consentgate.gates.request import Request
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import (
    NO_COOKIES,
    NOT_PLACED,
    OwnCookies,
    Placed,
    Visitor,
)

_new = tuple.__new__
"""Makes a named tuple of a tuple: half of what calling its class costs."""


class Visitors:
    """Finds out who asks; remembers the last one who said nothing, whom the next is most like."""

    def __init__(self, plan: Plan, reader: TokenReader) -> None:
        """Prepare.

        Args:
            plan: the policy, prepared.
            reader: turns tokens into a choice.
        """
        self._plan = plan
        self._reader = reader
        self._silent = Visitor(NOT_PLACED[0])
        self._like: tuple[Placed, Caller | None, bool] = (NOT_PLACED, None, False)

    def of(
        self,
        request: Request,
        placed: Placed,
        now: int,
        is_minor: bool = False,
        caller: Caller | None = None,
    ) -> Visitor:
        """Who asks.

        Args:
            request: as it came.
            placed: where the visitor is.
            now: whole seconds since the epoch.
            is_minor: whether the app knows the visitor to be below the regime's age.
            caller: what the User-Agent says, where it was read.
        """
        stated = request.stated
        choice, own = None, NO_COOKIES
        if request.cookies:
            choice, own = self._read_own(request, now)
        if stated is NONE and own is NO_COOKIES and choice is None:
            like = self._like
            if like[0] is placed and like[1] is caller and like[2] is is_minor:
                return self._silent
            silent = Visitor(placed[0], NONE, None, is_minor, caller, placed[1])
            self._silent, self._like = silent, (placed, caller, is_minor)
            return silent
        regime, country = placed
        signals = NONE if stated is NONE else self._plan.honoured(stated, regime)
        return _new(Visitor, (regime, signals, choice, is_minor, caller, country, own))

    def _read_plain(self, request: Request, now: int) -> tuple[Choice | None, OwnCookies]:
        """Take in what was refused over HTTP before the site moved to HTTPS.

        Anybody on the way can write a cookie without ``__Host-``: what it takes away counts, what
        it grants does not.
        """
        fields = [pair[1] for pair in request.cookies]
        tokens = cookies.values_in(fields, self._plan.token_names[False])
        choice = self._reader.read(tokens, now) if tokens else None
        denials = choice.denials if choice is not None else None
        return denials, OwnCookies() if denials is not None else NO_COOKIES

    def _read_own(self, request: Request, now: int) -> tuple[Choice | None, OwnCookies]:
        """Take in cookies of ours; over HTTPS only the ``__Host-`` ones count (SEC-01).

        The names of our other cookies begin with the token's: where a request mentions it once,
        as a token, there are none.
        """
        plan, is_https = self._plan, request.is_https
        name = plan.token_names[is_https]
        if len(request.cookies) == 1:
            only = cookies.only_value(request.cookies[0][1], name)
            if only is not None:
                tokens = (only,)
                return self._reader.read(tokens, now), _new(OwnCookies, (tokens, False, ()))
        carriers = [pair[1] for pair in request.cookies if name in pair[1]]
        if not carriers:
            return self._read_plain(request, now) if is_https else (None, NO_COOKIES)
        choice: Choice | None = None
        found = cookies.values_in(carriers, name)
        if found:
            choice = self._reader.read(found, now)
        once = cookies.values_in(carriers, plan.once_names[is_https])
        if once:
            choice = self._reader.read_once(once, choice, now)
        news = cookies.values_in(carriers, plan.news_names[is_https])
        return choice, OwnCookies(found, bool(once), news)
