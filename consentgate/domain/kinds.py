"""Owns what a visit is of: a page, an asset, an API, a form, an event, or our own address.

Reports count pages, and nothing else, as page views. Never sees an address: the route and what the
browser says it wants are enough.
"""

from __future__ import annotations

import re
from typing import Protocol

PAGE, ASSET, API, FORM, EVENT, OWN = "page", "asset", "api", "form", "event", "own"
OWN_ROUTES = frozenset(("(privacy choices)", "(status)", "(collector)"))
"""Routes at which the gate answers in the app's place."""
MISSING_ASSET, PROBE, NOT_FOUND = "(missing asset)", "(probe)", "(not found)"
"""Routes of addresses that nothing answers at."""
_READS = frozenset(("GET", "HEAD"))
_FILE = re.compile(
    r"\.(?:css|m?js|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp[34]|webm|pdf|txt|xml|"
    r"webmanifest|wasm)$|^/(?:static|assets|media|public|dist|_next|favicon)\b",
    re.I,
)
_PROBE = re.compile(
    r"\.(?:php\d?|aspx?|jsp|cgi|env|git|sql|bak|ini|ya?ml|sh|pem|key|zip|tar|gz|log)(?:$|[/.])|"
    r"/(?:wp-|wordpress|cgi-bin|phpmyadmin|\.|admin\b|administrator|vendor/|boaform|hnap1|actuator|"
    r"solr|manager/|owa/|autodiscover|xmlrpc|telescope|debug)",
    re.I,
)


class Facts(Protocol):
    """What of a visit tells its kind."""

    @property
    def method(self) -> str:
        """As the record names it; empty where the record is of no visit."""
        ...

    @property
    def route(self) -> str:
        """The template that answered."""
        ...

    @property
    def status(self) -> int | None:
        """None: the record is of a sign of interest."""
        ...

    @property
    def wants(self) -> str:
        """What the browser says."""
        ...

    @property
    def tier(self) -> str:
        """Machines want pages, other programs call APIs."""
        ...


def kind_of(facts: Facts) -> str:
    """Tell what a visit is of; empty where nothing is known of it."""
    if not facts.method:
        return EVENT if facts.status is None else ""
    if facts.route in OWN_ROUTES:
        return OWN
    if facts.method not in _READS:
        return FORM if facts.wants == PAGE and facts.method == "POST" else API
    if facts.wants:
        return facts.wants
    if facts.route == MISSING_ASSET or _FILE.search(facts.route):
        return ASSET
    return PAGE if facts.tier == "TB" else API


def is_seen(status: int) -> bool:
    """Whether a visitor saw the page: also one that the browser had kept (304)."""
    return 200 <= status < 300 or status == 304


def unanswered(path: str) -> str:
    """Name the class of an address at which nothing was found; the address itself is not kept."""
    path = path[:512]
    if _PROBE.search(path):
        return PROBE
    return MISSING_ASSET if _FILE.search(path) else NOT_FOUND
