"""Owns the columns of ``rows``: which are read, and what they are called in questions."""

from __future__ import annotations

STORED = (
    *("ts", "tier", "v", "method", "route", "kind", "prev", "path", "q", "paid", "status"),
    *("bytes", "dur_us", "ref_class", "ref_host", "country", "lang", "browser", "os", "device"),
    *("bot", "bot_kind", "suspect", "entry", "visitor", "subject", "event", "sig"),
)
"""Fields of the access record that reports read."""

_FILE = r"\.(css|m?js|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|pdf|txt|xml)$"
_KIND = f"""coalesce(kind, case
    when event is not null then 'event'
    when route in ('(privacy choices)', '(status)', '(collector)') then 'own'
    when method not in ('GET', 'HEAD') then 'api'
    when regexp_matches(route, '{_FILE}') or starts_with(route, '/static/') then 'asset'
    else 'page' end)"""
_COMPUTED = {
    "kind": _KIND,
    "suspect": "coalesce(suspect, false)",
    "entry": "coalesce(entry, false)",
    "paid": "coalesce(paid, false)",
    "status": "coalesce(status, 0)",
}
DERIVED = {name: _COMPUTED.get(name, name) for name in STORED}
"""Column of ``rows`` to what it is made of; rows of cg1 do not say their kind."""

PEOPLE = "tier <> 'TB' and not suspect"
SEEN = "(status between 200 and 299 or status = 304)"
MEASURES = {
    "visits": f"{PEOPLE} and entry",
    "views": f"{PEOPLE} and kind = 'page' and {SEEN} and method = 'GET'",
    "requests": "kind <> 'event'",
    "people": f"{PEOPLE} and kind not in ('event', 'own')",
    "machines": "tier = 'TB'",
    "suspects": "tier <> 'TB' and suspect",
    "events": "kind = 'event'",
    "errors": "status >= 500",
    "missing": "status in (404, 410)",
}
"""What is counted, and which rows that are."""
FILTERS = {
    "tier": "tier",
    "route": "route",
    "source": "ref_class",
    "device": "device",
    "country": "country",
    "browser": "browser",
    "lang": "lang",
}
"""What a report may be narrowed to, and its column."""
