"""Owns what is learned from reports of the second Content-Security-Policy (TPD-01).

A browser says which host a page wanted to reach. In development the operator is told once of each
host that the policy does not declare, with the lines to add; in production it is only counted.
Nothing of the visitor is looked at: no page, no address, no agent.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive

from consentgate.asgi.posts.bodies import BodyProblem, read_bytes
from consentgate.asgi.posts.limits import ClientOf, RateLimit
from consentgate.formats.urls.addresses import address_of, canonical_host
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit

logger = logging.getLogger("consentgate")

MEDIA_TYPES = (b"application/csp-report", b"application/reports+json", b"application/json")
REPORTS_A_MINUTE = 120
_MOST_IN_ONE = 64
_MOST_HOSTS = 256
_DIRECTIVE = re.compile(r"[a-z-]{1,40}")
_UNDECLARED = "undeclared_host"
_BLOCKED = "blocked_host"


class Reports:
    """Takes reports, counts them, and tells the operator in development."""

    def __init__(
        self,
        plan: Plan,
        counts: Counter[str],
        client_of: ClientOf,
        *,
        is_development: bool,
    ) -> None:
        """Start with nothing heard.

        Args:
            plan: the policy, prepared.
            counts: the gate's counters.
            client_of: gives a request's client, whose reports are limited.
            is_development: whether undeclared hosts are shown.
        """
        self._plan = plan
        self._counts = counts
        self._client_of = client_of
        self._is_development = is_development
        self._limit = RateLimit(most=REPORTS_A_MINUTE)
        self._told: set[str] = set()
        own = plan.policy.site.same_party
        self._own = {name.strip().lower().rstrip(".") for name in own if "*" not in name}
        self._below_own = tuple(name.strip().lower()[1:] for name in own if name.startswith("*."))

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
        if address is None or self._is_own(visit, address.host):
            return
        if self._plan.hosts.find(address) or self._plan.hosts.on(address.host):
            self._counts[_BLOCKED] += 1
            return
        self._counts[_UNDECLARED] += 1
        host = address.host
        if not self._is_development or host in self._told or len(self._told) >= _MOST_HOSTS:
            return
        self._told.add(host)
        logger.warning("consentgate: %s", advice(host, directive))

    def _is_own(self, visit: Visit, host: str) -> bool:
        own = canonical_host(visit.request.host.rpartition("@")[2].partition(":")[0])
        return host == own or host in self._own or host.endswith(self._below_own)


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


def advice(host: str, directive: str) -> str:
    """What to tell of a host that nobody declared.

    Args:
        host: as a browser looks it up: letters, digits, dots, hyphens.
        directive: which kind of fetch it was, as the report says.
    """
    kind = directive if _DIRECTIVE.fullmatch(directive) else "default-src"
    key = re.sub(r"[^a-z0-9]+", "-", host).strip("-")[:40].strip("-")
    key = key if key[:1].isalpha() else f"host-{key}"[:40].rstrip("-")
    return (
        f'a page reaches the undeclared host "{host}" ({kind}); if you mean it to, say in the '
        f'policy what for:\n\n[service.{key}]\npurposes = ["marketing"]\nhosts = ["{host}"]\n'
    )
