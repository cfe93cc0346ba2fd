"""Owns which route the page before a visit has: found among the routes that answered by now.

Routers tell the route of a request, and of no other address. What is written are templates, never a
path.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.memo import Memo

MOST_ROUTES = 512
MOST_PATH = 512
MOST_PAGES = 256
"""Addresses of the site whose route is remembered, in memory alone."""


class KnownPages:
    """The routes that answered, the declared ones first."""

    def __init__(self, declared: Iterable[str] = ()) -> None:
        self._declared = tuple(declared)
        self._met: dict[str, None] = {}
        self._before: Memo[bytes, str] | None = None
        """What was found by now, under the routes that are known by now."""

    def add(self, route: str) -> None:
        """Remember a route; one that is known costs one look into a dict."""
        if route in self._met or not route.startswith("/") or len(self._met) >= MOST_ROUTES:
            return
        self._met[route] = None
        self._before = None

    def before(self, referrer: bytes | None) -> str:
        """Tell the route of a page of our own; empty where none fits.

        Args:
            referrer: the whole ``Referer``, whose host is known to be ours.
        """
        if not referrer or len(referrer) > MOST_PATH:
            return ""
        before = self._before
        if before is None:
            templates = Templates([*self._declared, *sorted(self._met, key=_rank)])
            before = self._before = Memo(partial(_route_of, templates), MOST_PAGES)
        return before[referrer]


def _route_of(templates: Templates, referrer: bytes) -> str:
    rest = referrer.partition(b"://")[2].partition(b"/")[2]
    path = rest.partition(b"?")[0].partition(b"#")[0].decode("latin-1")
    found = templates.match(f"/{path}")
    return "" if found == UNMATCHED else found


def _rank(route: str) -> tuple[int, int, str]:
    """Plain routes before those with fields, longer ones before shorter."""
    return route.count("{"), -len(route), route
