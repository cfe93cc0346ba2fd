"""Owns the answer in the place of a denied collector: nothing, or one pixel (STO-06)."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.types import Message, Receive, Send

from consentgate.gates.collectors import PIXEL, collectors_of, wants_image
from consentgate.gates.plan import Outcome
from consentgate.gates.visit import Visit

COLLECTOR_ROUTE = SimpleNamespace(path="(collector)")
"""What the site log calls all of them."""


def is_collector(visit: Visit) -> bool:
    """Whether the visit goes to a path where anything that can be denied collects."""
    return _collects(visit, visit.plan.strictest)


def is_denied(visit: Visit) -> bool:
    """Whether the visit goes to a path that collects for a denied service."""
    return _collects(visit, visit.outcome)


def _collects(visit: Visit, outcome: Outcome) -> bool:
    collectors = collectors_of(outcome)
    if collectors.is_idle:
        return False
    # mounted apps: the policy may name the path as the visitor sees it, or as the app does
    return collectors.collects(visit.path) or (
        bool(visit.root_path) and collectors.collects(visit.whole_path)
    )


async def collect(visit: Visit, receive: Receive, send: Send) -> None:
    """Answer without the app: no cookie, nothing to keep, nothing read of what was sent."""
    visit.is_collected = True
    visit.scope["route"] = COLLECTOR_ROUTE
    if visit.scope["type"] == "websocket":
        visit.status = 403
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    for message in _messages(visit):
        await send(message)


def _messages(visit: Visit) -> tuple[Message, Message]:
    method = visit.scope["method"]
    is_image = method in ("GET", "HEAD") and wants_image(
        visit.path, visit.header(b"sec-fetch-dest"), visit.header(b"accept")
    )
    headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if is_image:
        headers += [(b"content-type", b"image/gif"), (b"content-length", b"%d" % len(PIXEL))]
    visit.status = 200 if is_image else 204
    body = PIXEL if is_image and method != "HEAD" else b""
    visit.bytes_out += len(body)
    start = {"type": "http.response.start", "status": visit.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body}
