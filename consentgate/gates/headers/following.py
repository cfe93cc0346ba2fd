"""Owns what of a request, besides cookies, the app of a visitor who must not be followed may see.

Nothing is changed in place: what changes is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consentgate.formats.headers import Headers
from consentgate.formats.urls.scrubbing import without_click_ids
from consentgate.gates.headers.client_hints import ASKED
from consentgate.gates.outcomes import Outcome

CONDITIONS = frozenset((b"if-none-match", b"if-modified-since", b"if-range"))
"""In which a browser gives back what an earlier answer left with it (STO-08)."""
DICTIONARIES = frozenset((b"available-dictionary", b"dictionary-id"))
"""In which a browser names a compression dictionary that the site left with it, by a text of the
site's own or by its hash: an identifier either way (RFC 9842, section 9.1)."""
_QUESTION_MARK = 0x3F
FOLLOWING = ASKED | CONDITIONS | DICTIONARIES
"""What tells a visitor apart; names in lower case."""
_DOCUMENTS = frozenset((b"document", b"iframe", b"frame", b"embed", b"object", b"fencedframe"))


def without_identifiers(
    scope: Mapping[str, Any],
    headers: Headers,
    outcome: Outcome,
    *,
    is_marked: bool,
    asks_identity: bool,
) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    """Say what of a scope the app may not see as it came, and what it may not see at all.

    Args:
        scope: as the server made it.
        headers: its pairs, without denied cookies.
        outcome: what this visitor permits.
        is_marked: whether any of FOLLOWING is among them.
        asks_identity: whether pages are asked for without any coding.

    Returns:
        The changed entries of the scope, and the conditions that were taken out.
    """
    conditions: dict[bytes, bytes] = {}
    if not (is_marked or asks_identity or outcome.strips_click_ids):
        return {}, conditions
    kept: Headers = headers
    if is_marked and not outcome.may_follow:
        is_read = scope.get("method") in ("GET", "HEAD")
        kept, conditions = _without_following(headers, is_read=is_read)
    changed = _without_clicks(scope, kept) if outcome.strips_click_ids else {}
    kept = changed.get("headers", kept)
    if asks_identity and _may_be_page(kept):
        kept = [pair for pair in kept if pair[0].lower() != b"accept-encoding"]
    if kept is not headers:
        changed["headers"] = kept
    return changed, conditions


def _without_following(headers: Headers, *, is_read: bool) -> tuple[Headers, dict[bytes, bytes]]:
    """Take out the client hints that were asked for, dictionaries, and conditions of a read.

    Args:
        headers: the scope's header pairs.
        is_read: whether the request is a GET or HEAD; conditions of others guard changes.

    Returns:
        The pairs that stay, and the conditions by lower-case name.
    """
    kept: Headers = []
    conditions: dict[bytes, bytes] = {}
    for name, value in headers:
        folded = name.lower()
        if folded in ASKED or folded in DICTIONARIES:
            continue
        if is_read and folded in CONDITIONS and value.strip() != b"*":
            conditions[folded] = _joined(conditions.get(folded), value)
            continue
        kept.append((name, value))
    if b"if-range" in conditions:
        # a part may only be joined to what If-Range named: without it the whole is asked for
        # (RFC 9110 13.1.5)
        kept = [pair for pair in kept if pair[0].lower() != b"range"]
    return (kept if len(kept) < len(headers) else headers), conditions


def _joined(before: bytes | None, value: bytes) -> bytes:
    return value if before is None else before + b", " + value


def _without_clicks(scope: Mapping[str, Any], headers: Headers) -> dict[str, Any]:
    """What of the scope becomes another one without click ids: query, raw path, Referer.

    Args:
        scope: as the server made it.
        headers: the pairs that the app sees otherwise.
    """
    changed: dict[str, Any] = {}
    query: bytes = scope.get("query_string", b"")
    if query and (plain := without_click_ids(query)) is not query:
        changed["query_string"] = plain
    raw: bytes | None = scope.get("raw_path")
    if raw and _QUESTION_MARK in raw and (address := _unclicked(raw)) is not raw:
        changed["raw_path"] = address
    for position, (name, value) in enumerate(headers):
        if name.lower() == b"referer" and (address := _unclicked(value)) is not value:
            headers = changed["headers"] = [*headers]
            headers[position] = (name, address)
    return changed


def _unclicked(url: bytes) -> bytes:
    path, _, query = url.partition(b"?")
    kept = without_click_ids(query)
    if kept is query:
        return url
    return path + b"?" + kept if kept else path


def is_navigation(headers: Headers) -> bool:
    """Whether a browser asks for a document, not for something to put into one."""
    destination, accepted = _asked_for(headers)
    if destination:
        return destination in _DOCUMENTS
    return b"text/html" in accepted


def _may_be_page(headers: Headers) -> bool:
    """Whether the answer can be a page: also one that a script fetches, or any program."""
    destination, accepted = _asked_for(headers)
    if destination and destination != b"empty":
        return destination in _DOCUMENTS
    return not accepted or b"text/html" in accepted or b"*/*" in accepted


def _asked_for(headers: Headers) -> tuple[bytes, bytes]:
    """What ``Sec-Fetch-Dest`` and ``Accept`` say, in lower case."""
    named = {name.lower(): value for name, value in headers}
    return (
        named.get(b"sec-fetch-dest", b"").strip().lower(),
        named.get(b"accept", b"").strip().lower(),
    )
