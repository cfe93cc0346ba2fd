"""Owns what an app sends beside start and body: early hints, pushes and trailers (CKE-06)."""

from __future__ import annotations

from consentgate.gates.collectors import collectors_of
from consentgate.gates.cookies.lines import passing_lines
from consentgate.gates.gated import NOTHING, Found
from consentgate.gates.headers.response import gated_headers, gated_links
from consentgate.gates.messages import Message
from consentgate.gates.outcomes import Outcome


def gated_side(message: Message, outcome: Outcome, now: int) -> tuple[Message | None, Found]:
    """Say what passes of such a message, and what was found in it.

    Args:
        message: of one of the types in SIDE_MESSAGES.
        outcome: what this visitor permits.
        now: whole seconds since the epoch.

    Returns:
        The message itself, another one, or None for nothing.
    """
    kind = message["type"]
    if kind == "http.response.early_hint":
        return _hint(message, outcome.for_page), NOTHING
    if kind == "http.response.push":
        path = str(message.get("path", "")).partition("?")[0]
        return (None if collectors_of(outcome).collects(path) else message), NOTHING
    return _trailers(message, outcome, now)


def _hint(message: Message, outcome: Outcome) -> Message | None:
    given = message.get("links", ())
    links = given if type(given) is list else list(given)
    passed = gated_links(links, outcome)
    if not passed and links:
        return None
    return message if links is given and passed == links else {**message, "links": passed}


def _trailers(message: Message, outcome: Outcome, now: int) -> tuple[Message, Found]:
    given = message.get("headers", ())
    headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
    # what caches may do was said at the start: only what is for everybody stands in a trailer
    passing = passing_lines(headers, outcome, now)
    gated = gated_headers(passing.headers, outcome.strictest, is_for_all=True)
    message = message if gated is given else {**message, "headers": gated}
    return message, passing.found
