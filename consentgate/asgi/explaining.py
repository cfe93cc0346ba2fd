"""Owns how a refused feature is explained: a page for people, problem details for programs.

An app's dependency raises ``ConsentRequired``; what its framework makes of that is bare. The
gate puts the explanation in its place, unless the app has words of its own (SIG-30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.types import Message

from consentgate.asgi.consent import REFUSAL_MARK
from consentgate.gates.cookies.lines import gated_cookies
from consentgate.gates.visit import Visit

if TYPE_CHECKING:
    from consentgate.asgi.assembly import House

_MARK = REFUSAL_MARK.encode()
_HTML = frozenset(("text/html", "application/xhtml+xml"))


def is_bare(message: Message) -> bool:
    """Whether this starts an answer that a framework made of ``ConsentRequired``."""
    return message["type"] == "http.response.start" and any(
        pair[0].lower() == _MARK for pair in message.get("headers", ())
    )


def explained(house: House, visit: Visit, start: Message) -> tuple[Message, Message]:
    """Give the start and body that stand for the bare answer.

    Of the bare one only its cookies stay, as far as they are permitted.
    """
    house.count("consent_required")
    visit.status = 409
    response = _page(house, visit) if _wants_page(visit) else _problem(house, visit)
    response.headers["cache-control"] = "private, no-store"
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["link"] = f'<{visit.root_path}{house.prefix}>; rel="privacy-choices"'
    cookies = [
        (pair[0], pair[1]) for pair in start.get("headers", ()) if pair[0].lower() == b"set-cookie"
    ]
    headers = [
        pair for pair in gated_cookies(visit, cookies) if pair[0].lower() != b"cache-control"
    ]
    body = b"" if visit.scope["method"] == "HEAD" else bytes(response.body)
    visit.bytes_out += len(body)
    return (
        {
            "type": "http.response.start",
            "status": 409,
            "headers": [*response.raw_headers, *headers],
        },
        {"type": "http.response.body", "body": body},
    )


def _page(house: House, visit: Visit) -> Response:
    """The choices page with the reason; choosing there leads back to the feature."""
    return house.routes.page(visit, 409, needs=visit.refused)


def _problem(house: House, visit: Visit) -> Response:
    reason = visit.outcome.decision.why(visit.refused)
    return JSONResponse(
        {
            "type": "about:blank",
            "title": "consent required",
            "status": 409,
            "code": "consent_required",
            "detail": f"this needs {visit.refused}, which is denied: {reason.value}",
            "needs": visit.refused,
            "reason": reason.name.lower(),
            "choices": visit.root_path + house.prefix,
        },
        409,
        media_type="application/problem+json",
    )


def _wants_page(visit: Visit) -> bool:
    """Whether ``Accept`` names HTML; scripts say ``*/*`` or JSON."""
    for part in visit.header(b"accept")[:1_000].lower().split(","):
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
