"""Owns which route the page before a visit has: found among the routes that answered by now.

Routers tell the route of a request, and of no other address. What is kept are templates, never a
path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from consentgate.formats.urls.templates import UNMATCHED, Templates

MOST_ROUTES = 512
MOST_PATH = 512
_PATH = re.compile(rb"://[^/?#]*(/[^?#]*)")


class KnownPages:
    """The routes that answered, the declared ones first."""

    def __init__(self, declared: Iterable[str] = ()) -> None:
        self._declared = tuple(declared)
        self._met: dict[str, None] = {}
        self._templates: Templates | None = None

    def add(self, route: str) -> None:
        """Remember a route; one that is known costs one look into a dict."""
        if route in self._met or not route.startswith("/") or len(self._met) >= MOST_ROUTES:
            return
        self._met[route] = None
        self._templates = None

    def before(self, referrer: bytes | None) -> str:
        """Tell the route of a page of our own; empty where none fits.

        Args:
            referrer: the whole ``Referer``, whose host is known to be ours.
        """
        if not referrer or len(referrer) > MOST_PATH:
            return ""
        if self._templates is None:
            self._templates = Templates([*self._declared, *sorted(self._met, key=_rank)])
        path = _PATH.search(referrer)
        found = self._templates.match(path[1].decode("latin-1") if path is not None else "/")
        return "" if found == UNMATCHED else found


def _rank(route: str) -> tuple[int, int, str]:
    """Plain routes before those with fields, longer ones before shorter."""
    return route.count("{"), -len(route), route
