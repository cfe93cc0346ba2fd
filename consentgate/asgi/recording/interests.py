"""Owns how interest in a feature is told: by a page's beacon, or by the app's own code.

Only names that the policy declares are noted. A page learns nothing from the answer, whatever
became of what it said.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import Receive

from consentgate.asgi.faults import Faults
from consentgate.asgi.own_routes import UNNOTED
from consentgate.asgi.posts.bodies import BodyProblem, read_body
from consentgate.asgi.posts.limits import ClientOf, RateLimit
from consentgate.asgi.posts.same_origin import is_from_here
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.policy.policy import Policy
from consentgate.gates.answer import Answer
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit

logger = logging.getLogger("consentgate")

REPORTS_A_MINUTE = 600
MAX_BODY_BYTES = 2_048
_MOST_WARNINGS = 64


class Interests:
    """Takes signs of interest, and hands what is declared to the site log."""

    def __init__(
        self, policy: Policy, site_log: SiteLog, client_of: ClientOf, faults: Faults
    ) -> None:
        self._site_log = site_log
        self._client_of = client_of
        self._faults = faults
        self._origins = policy.site.origins
        self._declared = {interest.name: interest for interest in policy.log.events}
        self._limit = RateLimit(most=REPORTS_A_MINUTE)
        self._warned: set[str] = set()

    def reports(self, visit: Answer) -> bool:
        """Whether the page of a visit is given the script: only where something would come of it.

        Where caches share one page it carries the script for everyone; then the server drops
        what a visitor's signal forbids.
        """
        if not self._declared or not self._site_log.is_on:
            return False
        return visit.outcome.has_shared_pages or self._site_log.may_tell(visit.ended(None))

    async def answer(self, visit: Visit, receive: Receive) -> Response:
        """Take a page's report; the answer is 204 whatever it was."""
        try:
            name, properties = await self._read(visit, receive)
            self._take(visit, UNNOTED, name, properties, where="page")
        except BodyProblem as problem:
            self._faults.count(f"event_{problem.code}")
        return Response(status_code=204)

    async def _read(self, visit: Visit, receive: Receive) -> tuple[str, dict[str, object]]:
        request, visitor = visit.request, visit.visitor
        if not is_from_here(request, self._origins):
            raise BodyProblem(403, "cross_origin", "a report must come from a page of this site")
        if visitor.is_bot or visitor.signals.prefetch:
            raise BodyProblem(403, "not_a_visitor", "nobody has seen the page")
        if not self._limit.allows(self._client_of(request), visit.now):
            raise BodyProblem(429, "rate_limited", "too many reports")
        body = await read_body(request.headers, receive, most_bytes=MAX_BODY_BYTES)
        said: Mapping[str, object] = body.document or {
            name: values[0] for name, values in body.fields.items()
        }
        name = said.get("event")
        if not isinstance(name, str):
            raise BodyProblem(400, "malformed", "event: expected a name")
        return name, {key: value for key, value in said.items() if key != "event"}

    def track(
        self, visit: Visit, route: object, name: str, properties: Mapping[str, object]
    ) -> None:
        """Note what the app says of a visit; never raises.

        Args:
            visit: during which it is said.
            route: what the app's router left in the scope.
            name: of the event.
            properties: what is said of it.
        """
        try:
            self._take(visit, route, name, properties, where="app")
        except Exception:
            self._faults.failed("event", "a sign of interest is not noted")

    def _take(
        self,
        visit: Visit,
        route: object,
        name: str,
        properties: Mapping[str, object],
        *,
        where: str,
    ) -> None:
        interest = self._declared.get(name)
        if interest is None:
            self._faults.count("event_undeclared")
            self._warn(name, where)
            return
        unknown = properties.keys() - interest.properties.keys()
        if unknown:
            self._faults.count("event_property_undeclared")
            if where == "app":
                self._warn(f"{name}.{min(map(str, unknown))}", where)
        request = visit.request
        path = _page_of(request) if where == "page" else request.whole_path
        self._site_log.interest(
            visit.ended(route), name, interest.kept(properties), path=path, is_page=where == "page"
        )

    def _warn(self, name: str, where: str) -> None:
        """Tell the developer, once for a name; what a page says is not repeated."""
        shown = f'"{name}"' if where == "app" and _is_plain(name) else f"an event of the {where}"
        if shown in self._warned or len(self._warned) >= _MOST_WARNINGS:
            return
        self._warned.add(shown)
        logger.warning(
            "consentgate: %s is not declared and not counted; add it to [log] events, or correct "
            "%s",
            shown,
            "the call of consent.track" if where == "app" else "data-interest in your templates",
        )


def _is_plain(name: str) -> bool:
    """Whether it looks like a name that a developer wrote, not like something a visitor sent."""
    return name.isascii() and len(name) <= 64 and name.translate(_JOINERS).isidentifier()


_JOINERS = str.maketrans("-.", "__")


def _page_of(request: Request) -> str:
    """The path of the page that reports; empty where another host is named, or none."""
    try:
        parts = urlsplit(request.header(b"referer")[:2_048])
    except ValueError:
        return ""
    return parts.path if parts.netloc.lower() == request.host.lower() else ""
