"""Owns what an app sends beside start and body: early hints, pushes and trailers (CKE-06)."""

from __future__ import annotations

from consentgate.gates.collectors import collectors_of
from consentgate.gates.cookies.lines import passing_lines
from consentgate.gates.gated import NOTHING, Found
from consentgate.gates.headers.response import (
    gated_headers,
    gated_links,
    links_without_strangers,
    without_strangers,
)
from consentgate.gates.messages import Message
from consentgate.gates.outcomes import Outcome


def gated_side(
    message: Message, outcome: Outcome, now: int, own: str
) -> tuple[Message | None, Found]:
    """Say what passes of such a message, and what was found in it.

    Args:
        message: of one of the types in SIDE_MESSAGES.
        outcome: what this visitor permits.
        now: whole seconds since the epoch.
        own: the host that the answer comes from.

    Returns:
        The message itself, another one, or None for nothing.
    """
    kind = message["type"]
    if kind == "http.response.early_hint":
        return _hint(message, outcome.for_page, own)
    if kind == "http.response.push":
        path = str(message.get("path", "")).partition("?")[0]
        return (None if collectors_of(outcome).collects(path) else message), NOTHING
    return _trailers(message, outcome, now, own)


def _hint(message: Message, outcome: Outcome, own: str) -> tuple[Message | None, Found]:
    given = message.get("links", ())
    links = given if type(given) is list else list(given)
    declared, found = links_without_strangers(links, outcome, own)
    passed = gated_links(declared, outcome)
    if not passed and links:
        return None, found
    is_same = links is given and passed == links
    return (message if is_same else {**message, "links": passed}), found


def _trailers(message: Message, outcome: Outcome, now: int, own: str) -> tuple[Message, Found]:
    given = message.get("headers", ())
    headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
    # what caches may do was said at the start: only what is for everybody stands in a trailer
    passing = passing_lines(headers, outcome, now)
    declared, found = without_strangers(passing.headers, outcome, own)
    gated = gated_headers(declared, outcome.strictest, is_for_all=True)
    message = message if gated is given else {**message, "headers": gated}
    return message, passing.found.merged(found)
