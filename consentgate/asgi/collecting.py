"""Owns the answer in the place of a denied collector: nothing, or one pixel (STO-06)."""

from __future__ import annotations

from starlette.types import Message, Receive, Send

from consentgate.gates.collectors import PIXEL, collectors_of, wants_image
from consentgate.gates.outcomes import Outcome
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit


def is_collector(visit: Visit) -> bool:
    """Whether the visit goes to a path where anything that can be denied collects."""
    return _collects(visit.request, visit.outcome.strictest)


def is_denied(visit: Visit) -> bool:
    """Whether the visit goes to a path that collects for a denied service."""
    return _collects(visit.request, visit.outcome)


def _collects(request: Request, outcome: Outcome) -> bool:
    collectors = collectors_of(outcome)
    if collectors.is_idle:
        return False
    # mounted apps: the policy may name the path as the visitor sees it, or as the app does
    return collectors.collects(request.path) or (
        bool(request.root_path) and collectors.collects(request.whole_path)
    )


async def collect(visit: Visit, receive: Receive, send: Send) -> None:
    """Answer without the app: no cookie, nothing to keep, nothing read of what was sent."""
    visit.collect()
    if visit.request.is_websocket:
        visit.answer(403)
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    for message in _messages(visit):
        await send(message)


def _messages(visit: Visit) -> tuple[Message, Message]:
    request = visit.request
    is_image = request.method in ("GET", "HEAD") and wants_image(
        request.path, request.header(b"sec-fetch-dest"), request.header(b"accept")
    )
    headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if is_image:
        headers += [(b"content-type", b"image/gif"), (b"content-length", b"%d" % len(PIXEL))]
    status = 200 if is_image else 204
    body = PIXEL if is_image and request.method != "HEAD" else b""
    visit.answer(status, len(body))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return start, {"type": "http.response.body", "body": body}
