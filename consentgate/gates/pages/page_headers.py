"""Owns what the headers of a page say: to caches, to other sites, and of whom it may reach.

Of HTML that cannot be gated in its bytes, too: it passes as it is, under the blocking policy, and
is counted, never silently ungated (STO-14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.domain.signals import NONE
from consentgate.gates.headers.caching import PAGE, with_private, with_vary
from consentgate.gates.headers.request import is_navigation
from consentgate.gates.headers.response import OWNED
from consentgate.gates.headers.validators import VALIDATORS
from consentgate.gates.pages.csp import csp_headers, is_binding
from consentgate.gates.pages.documents import Kind, kind_of, kind_of_type, without_stale
from consentgate.gates.pages.referrer_policy import with_referrer_policy
from consentgate.gates.side_messages import SIDE_MESSAGES

if TYPE_CHECKING:
    from consentgate.gates.visit import Message, Visit

Headers = list[tuple[bytes, bytes]]

HEADER_MESSAGES = frozenset(
    ("http.response.start", "websocket.accept", "websocket.http.response.start")
)
_GATED = OWNED | VALIDATORS | {b"set-cookie"}
"""Response headers that a gate reads of an answer that is no page."""
UNREADABLE = "page_unreadable"
COMPRESSED = "page_compressed"
OVERLONG = "tag_overlong"
"""Names of what is counted."""


def is_plain(visit: Visit, headers: Headers) -> bool:
    """Whether no gate has anything to do with an answer: most have a type, and no more."""
    is_silent = visit.signals is NONE and not visit.denied
    if visit.asked_consent or not is_silent or visit.plan.tells_always:
        return False
    is_other = False
    for name, value in headers:
        folded = name.lower()
        if folded == b"content-type":
            is_other = b"," not in value and kind_of_type(value) is Kind.OTHER
        elif folded in _GATED:
            return False
    return is_other


def kind_of_answer(visit: Visit, message: Message, headers: Headers) -> Kind:
    """What a response is; what does not say so may be a page where one was asked for."""
    if message["type"] != "http.response.start":
        return Kind.OTHER
    kind = kind_of(message.get("status", 101), headers)
    if kind is not Kind.UNTYPED:
        return kind
    is_sniffed = is_navigation(visit.scope["headers"]) and not any(
        pair[0].lower() == b"x-content-type-options" for pair in headers
    )
    return Kind.UNREADABLE if is_sniffed else Kind.OTHER


def page_headers(visit: Visit, headers: Headers) -> Headers:
    """The headers of a page that is gated in its bytes."""
    headers = with_referrer_policy(without_stale(_for_caches(visit, headers)))
    return [*headers, *policy_headers(visit)]


def unread_headers(visit: Visit, headers: Headers, kind: Kind) -> Headers:
    """The headers of HTML that passes as it is; it is noted on the visit."""
    visit.noticed += (COMPRESSED if kind is Kind.COMPRESSED else UNREADABLE,)
    headers = with_referrer_policy(_for_caches(visit, headers))
    return [*headers, *policy_headers(visit, is_readable=False)]


def wide_headers(visit: Visit, headers: Headers) -> Headers:
    """The headers of a page that turns out to be UTF-16 with its first byte."""
    visit.noticed += (UNREADABLE,)
    return [*headers, *policy_headers(visit, is_readable=False)]


def spared_message(visit: Visit, message: Message) -> tuple[Message, ...] | None:
    """What still passes of a message with headers that a gate failed on; None for another one.

    Trailers that were announced come, with nothing in them; a hint or a push does not.
    """
    if message["type"] in HEADER_MESSAGES:
        return ({**message, "headers": _spared_headers(visit, message)},)
    if message["type"] not in SIDE_MESSAGES:
        return None
    is_awaited = message["type"] == "http.response.trailers"
    return ({**message, "headers": []},) if is_awaited else ()


def _spared_headers(visit: Visit, message: Message) -> Headers:
    """No cookie, and under the policy."""
    pairs = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
    kept = [pair for pair in pairs if pair[0].lower() != b"set-cookie"]
    if kind_of(message.get("status", 101), kept) in (Kind.OTHER, Kind.UNTYPED):
        return kept
    return [*kept, *policy_headers(visit, is_readable=False)]


def unread_page(visit: Visit, start: Message) -> Headers:
    """The headers of a page whose bytes pass as they are, since a gate failed on the first."""
    return [*start["headers"], *policy_headers(visit, is_readable=False)]


def policy_headers(visit: Visit, *, is_readable: bool = True) -> Headers:
    """The pairs of the second Content-Security-Policy."""
    root = visit.root_path + visit.plan.policy.site.prefix
    return csp_headers(visit.page_outcome, root, is_readable=is_readable)


def goes_at_once(visit: Visit, start: Message) -> bool:
    """Whether the start of a page goes before its first byte is seen.

    It waits where it says a length, which markup changes, and where no policy would hold a page
    that turns out to be unreadable.
    """
    if start.get("trailers", False):
        return True
    if any(pair[0].lower() == b"content-length" for pair in start["headers"]):
        return False
    return visit.outcome.may_follow or is_binding(visit.outcome)


def _for_caches(visit: Visit, headers: Headers) -> Headers:
    """Keep a page from caches, unless it is the same for everyone and sets nothing."""
    if visit.plan.shared_outcome is None or visit.asked_consent:
        return with_private(with_vary(headers, PAGE))
    is_for_one = any(pair[0].lower() == b"set-cookie" for pair in headers)
    return with_private(headers) if is_for_one else headers
