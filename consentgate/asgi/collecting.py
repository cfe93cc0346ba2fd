"""Owns the answer in the place of a denied collector: nothing, or one pixel (STO-06)."""

from __future__ import annotations

from starlette.types import Message, Receive, Send

from consentgate.gates.collectors import PIXEL, collectors_of, wants_image
from consentgate.gates.declared.tags import tag_at
from consentgate.gates.gated import Found
from consentgate.gates.outcomes import Outcome
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit

PROXIED = "tag_proxied"
"""Name of what is counted."""


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


def is_held_tag(visit: Visit) -> bool:
    """Whether the visit asks the site itself for a vendor's tag that is held.

    It is treated as the vendor's own: by the services that have declared the vendor's address, and
    where nobody has, as a stranger.
    """
    request, plan = visit.request, visit.outcome.plan
    vendor = tag_at(f"{request.path}?{request.query.decode('latin-1')}")
    if not vendor:
        return False
    keys = frozenset(plan.hosts.services_of(vendor.encode()))
    if not keys:
        host = vendor.split("/")[2]
        visit.come_upon(Found(hosts=(host,)))
        return plan.policy.site.unknown_hosts == "block"
    if keys.isdisjoint(visit.outcome.strictest.denied_services):
        return False
    visit.come_upon(Found(noticed=(PROXIED,)))
    visit.use.ask()  # whether the app is reached depends on it
    return not keys.isdisjoint(visit.outcome.denied_services)


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
