"""Owns Sentry's events: what leaves of them follows the decision for their request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consentgate.asgi.telling.hearing import SENTRY, hear
from consentgate.telemetry.decided import allows, remember
from consentgate.telemetry.fields import cut, without_visitor

Event = dict[str, Any]
_HEADERS = frozenset(("accept", "content-length", "content-type", "host"))
"""Headers of a request that everybody sends alike."""


def follow_consent(*, purpose: str = "statistics") -> Callable[[Any, Any], Any]:
    """Make what Sentry asks before it sends: for errors, and for transactions.

    ::

        follow = follow_consent()
        sentry_sdk.init(..., before_send=follow, before_send_transaction=follow)

    An event of a visitor who did not grant the purpose loses address, query, agent, referrer,
    cookies, body and user. It is sent all the same: errors are still heard of.

    Args:
        purpose: what a visitor must have granted for events to stay whole.
    """
    hear(SENTRY, remember)

    def follow(event: Event, hint: object) -> Event:
        return event if allows(purpose) else _without_visitor(event)

    return follow


def _without_visitor(event: Event) -> Event:
    left = {name: value for name, value in event.items() if name != "user"}
    if isinstance(event.get("request"), dict):
        left["request"] = _request(event["request"])
    trace = _dict(_dict(event.get("contexts")).get("trace"))
    if trace:
        left["contexts"] = {**event["contexts"], "trace": _span(trace)}
    if isinstance(event.get("spans"), list):
        left["spans"] = [_span(span) if isinstance(span, dict) else span for span in event["spans"]]
    if isinstance(event.get("transaction"), str):
        left["transaction"] = cut(event["transaction"])
    return left


def _request(request: Event) -> Event:
    """Method and address without query, and the headers that tell nobody apart."""
    left: Event = {}
    if "method" in request:
        left["method"] = request["method"]
    if isinstance(request.get("url"), str):
        left["url"] = cut(request["url"])
    headers = _dict(request.get("headers"))
    left["headers"] = {name: headers[name] for name in headers if name.lower() in _HEADERS}
    return left


def _span(span: Event) -> Event:
    data = _dict(span.get("data"))
    is_ours = not str(span.get("op", "")).startswith("http.client")
    return {**span, "data": without_visitor(data)} if data and is_ours else span


def _dict(value: object) -> Event:
    return value if isinstance(value, dict) else {}
