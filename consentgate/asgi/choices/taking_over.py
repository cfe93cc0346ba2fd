"""Owns taking over what visitors told the consent tool that a site had before; never knows how that
tool writes its cookie.

What was refused counts from the first request on. What was granted counts only where the policy
says so, and is recorded first, like every grant. The other cookie goes when a token has it all.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from starlette.types import Message, Send

from consentgate.asgi.choices.acts import Act
from consentgate.asgi.choices.ending import NOTHING_ENDS
from consentgate.asgi.choices.proof import Proof
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.asgi.posts.limits import Limits
from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS, midnight
from consentgate.domain.decision import is_dated
from consentgate.domain.policy.policy import Migration, Policy
from consentgate.domain.signals import NONE
from consentgate.formats import cookies
from consentgate.formats.other_choices import TOOLS, said_to
from consentgate.gates.cookies.lines import with_lines
from consentgate.gates.cookies.remembered import token_line
from consentgate.gates.declared.expiry import expiry_lines
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import Visitor


class Taken(NamedTuple):
    """A choice that was taken over as a whole."""

    visitor: Visitor
    """Who asks, with the choice."""
    lines: list[bytes]
    """``Set-Cookie`` lines: our token, and the end of the other cookies."""

    def sending(self, send: Send) -> Send:
        """A ``send`` whose answer carries the lines, and is private for them."""

        async def with_token(message: Message) -> None:
            if message["type"] == "http.response.start":
                pairs = list(message.get("headers", ()))
                message = {**message, "headers": with_lines(pairs, self.lines)}
            await send(message)

        return with_token


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the other tools' cookies say together, in the policy's keys."""

    cookies: tuple[str, ...]
    tools: tuple[str, ...]
    said: Mapping[str, bool]
    made_at: int | None
    """When the oldest of it was granted; None: grants do not count."""


class TakingOver:
    """Takes over what visitors told other consent tools."""

    def __init__(self, policy: Policy, reader: TokenReader, proof: Proof, limits: Limits) -> None:
        """Prepare.

        Args:
            policy: says which tools, and what their keys mean.
            reader: signs tokens.
            proof: records what is granted.
            limits: how many grants one client may make.
        """
        self._policy = policy
        self._reader = reader
        self._proof = proof
        self._limits = limits
        self._tools = policy.migrations
        self._own = policy.site.token_name.encode() + b"="
        self._optional = [purpose.key for purpose in policy.optional_purposes]

    def heard(self, request: Request, visitor: Visitor, now: int) -> Visitor:
        """The visitor with what other cookies say was refused, unless they chose here."""
        heard = self._heard(request, visitor, now)
        if heard is None:
            return visitor
        refused = {key: False for key, said in heard.said.items() if not said}
        if not refused:
            return visitor
        choice = self._choice(visitor, refused, now)
        if any(key not in refused for key in self._optional):
            choice = replace(choice, is_explicit=False)  # the rest is still to be asked
        return visitor._replace(choice=choice)

    async def take(self, visit: Visit) -> Taken | None:
        """Take over a whole choice at a page's request; None: there is none, or it must wait.

        Where a grant cannot be recorded, what was refused counts as before, and the next page tries
        again.
        """
        request, visitor = visit.request, visit.visitor
        if visitor.is_bot or visitor.signals.prefetch or not _is_page(request):
            return None
        heard = self._heard(request, visitor, visit.now)
        if heard is None:
            return None
        counted = {key: said for key, said in heard.said.items() if not said or heard.made_at}
        if any(key not in counted for key in self._optional):
            return None
        grants = any(counted.values())
        made_at = heard.made_at if grants and heard.made_at else visit.now
        choice = self._choice(visitor, counted, made_at)
        if grants:
            choice = replace(choice, id=secrets.token_hex(16))
        if not await self._is_recorded(visit, choice, heard):
            return None
        token = self._reader.codec.sign(choice, self._reader.today)
        lines = [token_line(token, visit.outcome, is_https=request.is_https)]
        for name in heard.cookies:
            lines += expiry_lines(
                name.encode(), None, request.host, request.sent_path, request.is_https
            )
        return Taken(visitor._replace(choice=choice), lines)

    async def _is_recorded(self, visit: Visit, choice: Choice, heard: _Heard) -> bool:
        act = Act(
            kind="taken-over",
            purposes=choice.purposes,
            services=choice.services,
            told=NONE,
            notice="",
            source="+".join(heard.tools),
            next="",
        )
        try:
            self._limits.allows(visit, is_grant=choice.grants_anything)
            await self._proof.record(visit, act, choice, NOTHING_ENDS)
        except BodyProblem:
            return False
        return True

    def _choice(self, visitor: Visitor, said: Mapping[str, bool], made_at: int) -> Choice:
        """What was said as a choice; a refusal of which no moment is known counts as made now."""
        services = {key: one for key, one in said.items() if key in self._policy.service_by_key}
        purposes = {key: one for key, one in said.items() if key not in services}
        return Choice(
            made_at=made_at,
            purposes=MappingProxyType(purposes),
            services=MappingProxyType(services),
            signalled=visitor.choice.signalled if visitor.choice is not None else NONE,
        )

    def _heard(self, request: Request, visitor: Visitor, now: int) -> _Heard | None:
        """What the other cookies of a request say; None: nothing, or the visitor chose here."""
        fields = [pair[1] for pair in request.cookies]
        is_explicit = visitor.choice is not None and visitor.choice.is_explicit
        if is_explicit and any(self._own in field for field in fields):
            return None
        said: dict[str, bool] = {}
        found: list[tuple[str, str]] = []
        moments: list[int | None] = []
        for key, migration in self._tools.items():
            tool = TOOLS[key]
            name = migration.cookie or tool.cookie
            for value in cookies.values_in(fields, name.encode()):
                told = said_to(tool, value)
                if told is not None:
                    found.append((name, key))
                    moments.append(self._counts_from(migration, told[1], now))
                    for target, one in self._targets(key, migration, told[0]):
                        said[target] = said.get(target, True) and one
        if not said:
            return None
        known = [moment for moment in moments if moment is not None]
        made_at = min(known) if len(known) == len(moments) else None
        names, tools = zip(*found, strict=True)
        return _Heard(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(tools)), said, made_at)

    def _targets(
        self, key: str, migration: Migration, said: Mapping[str, bool]
    ) -> Iterator[tuple[str, bool]]:
        """Purposes and services with what was said of them, in the tool's own order."""
        for name, one in said.items():
            own = migration.purposes.get(name)
            for target in TOOLS[key].purposes.get(name, (name,)) if own is None else own:
                if target in self._optional or target in self._policy.service_by_key:
                    yield target, one

    def _counts_from(self, migration: Migration, at: int | None, now: int) -> int | None:
        """The moment from which a tool's grants count; None: they do not."""
        if not migration.counts_grants:
            return None
        if at is None and migration.since is not None:
            at = midnight(migration.since)
        lifetime = self._policy.lifetimes.grant_days * DAY_SECONDS
        if at is None or at > now or now >= at + lifetime:
            return None
        return at if is_dated(Choice(made_at=at), now) else None


def _is_page(request: Request) -> bool:
    """Whether a browser asks for a page to show: its answer keeps the cookie for good."""
    kind = request.header(b"sec-fetch-dest")
    is_shown = kind == "document" or (not kind and "text/html" in request.header(b"accept"))
    return is_shown and request.method == "GET" and not request.is_websocket
