"""Owns what an app sends beside start and body: early hints, pushes and trailers (CKE-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.gates.collectors import collectors_of
from consentgate.gates.cookies.lines import passing_lines
from consentgate.gates.headers.response import gated_headers, gated_links

if TYPE_CHECKING:
    from consentgate.gates.visit import Message, Visit

SIDE_MESSAGES = frozenset(
    ("http.response.early_hint", "http.response.push", "http.response.trailers")
)


def gated_side(message: Message, visit: Visit) -> Message | None:
    """Say what passes of such a message: itself, another one, or None for nothing."""
    kind = message["type"]
    if kind == "http.response.early_hint":
        return _hint(message, visit)
    if kind == "http.response.push":
        path = str(message.get("path", ""))
        return None if collectors_of(visit.outcome).collects(path.partition("?")[0]) else message
    return _trailers(message, visit)


def _hint(message: Message, visit: Visit) -> Message | None:
    given = message.get("links", ())
    links = given if type(given) is list else list(given)
    passed = gated_links(links, visit.page_outcome)
    if not passed and links:
        return None
    return message if links is given and passed == links else {**message, "links": passed}


def _trailers(message: Message, visit: Visit) -> Message:
    given = message.get("headers", ())
    headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
    # what caches may do was said at the start: only what is for everybody stands in a trailer
    gated = gated_headers(passing_lines(visit, headers), visit.plan.strictest, is_for_all=True)
    return message if gated is given else {**message, "headers": gated}
