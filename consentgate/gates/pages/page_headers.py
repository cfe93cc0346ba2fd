"""Owns what the headers of a page say: to caches, to other sites, and of whom it may reach.

Of HTML that cannot be gated in its bytes, too: it passes as it is, under the blocking policy, and
is counted, never silently ungated (STO-14).
"""

from __future__ import annotations

from consentgate.formats.headers import Headers
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.headers.caching import PAGE, VISITOR, with_private, with_vary
from consentgate.gates.headers.following import is_navigation
from consentgate.gates.headers.names import TYPE, marks
from consentgate.gates.messages import HEADER_MESSAGES, SIDE_MESSAGES, Message
from consentgate.gates.outcomes import Outcome
from consentgate.gates.pages.csp import csp_headers, is_binding
from consentgate.gates.pages.documents import NO_PAGES, Kind, kind_of, types, without_stale
from consentgate.gates.pages.referrer_policy import with_referrer_policy
from consentgate.gates.pages.workers import worker_of

UNREADABLE = "page_unreadable"
COMPRESSED = "page_compressed"
"""Names of what is counted."""


def marks_of(headers: Headers) -> tuple[int, Kind | None]:
    """Which gates own something in the headers of an answer, and what the last type says."""
    marked, kind = 0, None
    for name, value in headers:
        mark = marks[name]
        if mark:
            marked |= mark
            if mark == TYPE:
                kind = types[value]
    return marked, kind


def kind_of_answer(message: Message, headers: Headers, asked: Headers, outcome: Outcome) -> Kind:
    """What a response is; what does not say so may be a page where one was asked for.

    Args:
        message: the start of the response.
        headers: its pairs.
        asked: the pairs of the request.
        outcome: where nothing can be denied and nothing is drawn, no answer is a page.
    """
    if message["type"] != "http.response.start" or outcome.plan.leaves_pages:
        return Kind.OTHER
    kind = kind_of(message.get("status", 101), headers)
    if kind is Kind.PROGRAM:
        return kind if worker_of(asked) else Kind.OTHER
    if kind is not Kind.UNTYPED:
        return kind
    is_sniffed = is_navigation(asked) and not any(
        pair[0].lower() == b"x-content-type-options" for pair in headers
    )
    return Kind.UNREADABLE if is_sniffed else Kind.OTHER


def page_headers(headers: Headers, outcome: Outcome, root_path: str, *, is_asked: bool) -> Headers:
    """The headers of a page that is gated in its bytes.

    Args:
        headers: the app's, cookies gated.
        outcome: what this visitor permits.
        root_path: where the app is mounted.
        is_asked: whether the app asked for consent.
    """
    headers = _for_caches(headers, outcome, is_asked=is_asked)
    headers = with_referrer_policy(without_stale(headers))
    return [*headers, *policy_headers(outcome, root_path)]


def unread_headers(
    headers: Headers, kind: Kind, outcome: Outcome, root_path: str, *, is_asked: bool
) -> Gated:
    """The headers of HTML or XML that passes as it is, and how it is counted."""
    if kind is Kind.XML:
        return Gated(_xml_headers(headers, outcome, root_path, is_asked=is_asked), NOTHING)
    noticed = COMPRESSED if kind is Kind.COMPRESSED else UNREADABLE
    headers = with_referrer_policy(_for_caches(headers, outcome, is_asked=is_asked))
    headers = [*headers, *policy_headers(outcome, root_path, is_readable=False)]
    return Gated(headers, Found(noticed=(noticed,)))


def _xml_headers(headers: Headers, outcome: Outcome, root_path: str, *, is_asked: bool) -> Headers:
    """The headers of XML: the strictest policy, the same for everyone.

    A drawing in a page loads nothing, and browsers keep one copy for both. So that caches may go on
    sharing it, it does not follow the visitor.
    """
    if is_asked:
        headers = with_private(with_vary(headers, VISITOR))
    return [*headers, *policy_headers(outcome.strictest, root_path, is_readable=False)]


def wide_headers(headers: Headers, outcome: Outcome, root_path: str) -> Gated:
    """The headers of a page that turns out to be UTF-16 with its first byte."""
    policy = policy_headers(outcome, root_path, is_readable=False)
    return Gated([*headers, *policy], Found(noticed=(UNREADABLE,)))


def spared_message(
    message: Message, outcome: Outcome, root_path: str
) -> tuple[Message, ...] | None:
    """What still passes of a message with headers that a gate failed on; None for another one.

    Trailers that were announced come, with nothing in them; a hint or a push does not.
    """
    if message["type"] in HEADER_MESSAGES:
        return ({**message, "headers": _spared_headers(message, outcome, root_path)},)
    if message["type"] not in SIDE_MESSAGES:
        return None
    is_awaited = message["type"] == "http.response.trailers"
    return ({**message, "headers": []},) if is_awaited else ()


def _spared_headers(message: Message, outcome: Outcome, root_path: str) -> Headers:
    """No cookie, and under the policy."""
    pairs = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
    kept = [pair for pair in pairs if pair[0].lower() != b"set-cookie"]
    if kind_of(message.get("status", 101), kept) in NO_PAGES:
        return kept
    return unread_page(kept, outcome, root_path)


def unread_page(headers: Headers, outcome: Outcome, root_path: str) -> Headers:
    """The headers of a page whose bytes pass as they are, since a gate failed on the first."""
    return [*headers, *policy_headers(outcome, root_path, is_readable=False)]


def policy_headers(outcome: Outcome, root_path: str, *, is_readable: bool = True) -> Headers:
    """The pairs of the second Content-Security-Policy."""
    root = root_path + outcome.plan.policy.site.prefix
    return csp_headers(outcome.for_page, root, is_readable=is_readable)


def goes_at_once(start: Message, outcome: Outcome) -> bool:
    """Whether the start of a page goes before its first byte is seen.

    It waits where it says a length, which markup changes, and where no policy would hold a page
    that turns out to be unreadable.
    """
    if start.get("trailers", False):
        return True
    if any(pair[0].lower() == b"content-length" for pair in start["headers"]):
        return False
    return outcome.may_follow or is_binding(outcome)


def _for_caches(headers: Headers, outcome: Outcome, *, is_asked: bool) -> Headers:
    """Keep a page from caches, unless it is the same for everyone and sets nothing."""
    if is_asked or not outcome.has_shared_pages:
        return with_private(with_vary(headers, PAGE))
    is_for_one = any(pair[0].lower() == b"set-cookie" for pair in headers)
    return with_private(headers) if is_for_one else headers
