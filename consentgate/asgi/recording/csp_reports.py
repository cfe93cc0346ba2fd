"""Owns what is learned from reports of the second Content-Security-Policy (TPD-01).

A browser says which host a page wanted to reach. In development the operator is told once of each
host that the policy does not declare, with the lines to add; in production it is only counted.
Nothing of the visitor is looked at: no page, no address, no agent.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive

from consentgate.asgi.posts.bodies import BodyProblem, read_bytes
from consentgate.asgi.posts.limits import ClientOf, RateLimit
from consentgate.asgi.recording.undeclared_hosts import UNDECLARED_HOST, UndeclaredHosts
from consentgate.formats.urls.addresses import address_of
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit

MEDIA_TYPES = (b"application/csp-report", b"application/reports+json", b"application/json")
REPORTS_A_MINUTE = 120
_MOST_IN_ONE = 64
_DIRECTIVE = re.compile(r"[a-z-]{1,40}")
_BLOCKED = "blocked_host"


class Reports:
    """Takes reports, counts them, and tells the operator in development."""

    def __init__(
        self,
        plan: Plan,
        counts: Counter[str],
        client_of: ClientOf,
        *,
        hosts: UndeclaredHosts | None,
    ) -> None:
        """Start with nothing heard.

        Args:
            plan: the policy, prepared.
            counts: the gate's counters.
            client_of: gives a request's client, whose reports are limited.
            hosts: tells of undeclared hosts; None: they are only counted.
        """
        self._plan = plan
        self._counts = counts
        self._client_of = client_of
        self._hosts = hosts
        self._limit = RateLimit(most=REPORTS_A_MINUTE)

    async def answer(self, visit: Visit, receive: Receive) -> Response:
        """Take what one browser reports; nothing of it is given back.

        Raises:
            BodyProblem: too many (429), too large (413), of another kind (415), malformed (400).
        """
        if not self._limit.allows(self._client_of(visit.request), visit.now):
            raise BodyProblem(429, "rate_limited", "too many reports; please wait a minute")
        raw = await read_bytes(visit.request.headers, receive, MEDIA_TYPES)
        try:
            reports = list(_violations(json.loads(raw.decode("utf-8"))))
        except (ValueError, RecursionError) as error:
            raise BodyProblem(400, "malformed", "expected JSON reports") from error
        for blocked, directive in reports[:_MOST_IN_ONE]:
            self._hear(visit, blocked, directive)
        return Response(status_code=204)

    def _hear(self, visit: Visit, blocked: str, directive: str) -> None:
        address = address_of(blocked)
        own = visit.request.own_host
        if address is None or address.host == own or self._plan.strangers.is_own(address.host):
            return
        if self._plan.hosts.find(address) or self._plan.hosts.on(address.host):
            self._counts[_BLOCKED] += 1
            return
        self._counts[UNDECLARED_HOST] += 1
        if self._hosts is not None:
            kind = directive if _DIRECTIVE.fullmatch(directive) else "default-src"
            so = f"the browser reports it ({kind})"
            self._hosts.tell(address.host, own, "a page reaches for", so)


def _violations(document: Any) -> Iterator[tuple[str, str]]:
    """What was blocked and by which directive, in either format."""
    for report in document if isinstance(document, list) else [document]:
        if not isinstance(report, dict):
            continue
        old = report.get("csp-report")
        new = report.get("body") if report.get("type") == "csp-violation" else None
        if isinstance(old, dict):
            yield _text(old, "blocked-uri"), _text(old, "effective-directive")
        elif isinstance(new, dict):
            yield _text(new, "blockedURL"), _text(new, "effectiveDirective")


def _text(report: dict[str, Any], name: str) -> str:
    value = report.get(name)
    return value if isinstance(value, str) else ""
