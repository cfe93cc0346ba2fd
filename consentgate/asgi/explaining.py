"""Owns how a refused feature is explained: a page for people, problem details for programs.

An app's dependency raises ``ConsentRequired``; what its framework makes of that is bare. The
gate puts the explanation in its place, unless the app has words of its own (SIG-30).
"""

from __future__ import annotations

from typing import Protocol

from starlette.responses import JSONResponse, Response
from starlette.types import Message

from consentgate.asgi.consent import REFUSAL_MARK
from consentgate.asgi.faults import Faults
from consentgate.domain.decision import Reason
from consentgate.gates.cookies.lines import passing_lines, with_lines
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit

_MARK = REFUSAL_MARK.encode()
_HTML = frozenset(("text/html", "application/xhtml+xml"))


class Page(Protocol):
    """Gives the choices page."""

    def __call__(self, visit: Visit, status: int, *, needs: str) -> Response:
        """Answer with that status, saying what a feature needs."""


def is_bare(message: Message) -> bool:
    """Whether this starts an answer that a framework made of ``ConsentRequired``."""
    return message["type"] == "http.response.start" and any(
        pair[0].lower() == _MARK for pair in message.get("headers", ())
    )


class Explaining:
    """Puts an explanation in the place of a bare refusal."""

    def __init__(self, prefix: str, page: Page, faults: Faults) -> None:
        """Prepare.

        Args:
            prefix: of our own addresses.
            page: gives the choices page with what a feature needs.
            faults: counts.
        """
        self._prefix = prefix
        self._page = page
        self._faults = faults

    def explain(self, visit: Visit, start: Message) -> tuple[Message, Message]:
        """Give the start and body that stand for the bare answer.

        Of the bare one only its cookies stay, as far as they are permitted.
        """
        self._faults.count("consent_required")
        request, needs = visit.request, visit.use.needed
        root = request.root_path + self._prefix
        if _wants_page(request):  # choosing there leads back to the feature
            response = self._page(visit, 409, needs=needs)
        else:
            response = _problem(needs, visit.outcome.decision.why(needs), root)
        response.headers["cache-control"] = "private, no-store"
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["link"] = f'<{root}>; rel="privacy-choices"'
        lines = [
            (pair[0], pair[1])
            for pair in start.get("headers", ())
            if pair[0].lower() == b"set-cookie"
        ]
        passing = with_lines(
            passing_lines(lines, visit.outcome, visit.now).headers, visit.own_lines()
        )
        headers = [pair for pair in passing if pair[0].lower() != b"cache-control"]
        body = b"" if request.method == "HEAD" else bytes(response.body)
        visit.explain(len(body))
        return (
            {
                "type": "http.response.start",
                "status": 409,
                "headers": [*response.raw_headers, *headers],
            },
            {"type": "http.response.body", "body": body},
        )


def _problem(needs: str, reason: Reason, root: str) -> Response:
    return JSONResponse(
        {
            "type": "about:blank",
            "title": "consent required",
            "status": 409,
            "code": "consent_required",
            "detail": f"this needs {needs}, which is denied: {reason.value}",
            "needs": needs,
            "reason": reason.name.lower(),
            "choices": root,
        },
        409,
        media_type="application/problem+json",
    )


def _wants_page(request: Request) -> bool:
    """Whether ``Accept`` names HTML; scripts say ``*/*`` or JSON."""
    for part in request.header(b"accept")[:1_000].lower().split(","):
        media_type, _, parameters = part.partition(";")
        if media_type.strip() in _HTML:
            return _quality(parameters) > 0
    return False


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
