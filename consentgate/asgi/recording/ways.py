"""Owns which route answered a visit, and where it came from; remembers no path and no page.

Never reads an address, a query or a cookie.
"""

from __future__ import annotations

from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.records.header_classes import (
    INTERNAL,
    NO_REFERRAL,
    SAME_ORIGIN,
    ClassedHeaders,
    LastReferral,
    Origin,
    OriginFacts,
    Referral,
    is_small,
    refer,
)
from consentgate.gates.records.referrers import without_path
from consentgate.gates.records.site_information import MOST_ROUTE
from consentgate.memo import Memo

MOST_ORIGINS = 4_096


class Ways:
    """Tells the two ends of a visit's way: what it came from, and what answered."""

    def __init__(self, templates: Templates) -> None:
        """Remember nothing yet; ``templates`` name routes where the app's router names none."""
        self._templates = templates
        self._referrals: Memo[OriginFacts, Referral] = Memo(refer, MOST_ORIGINS, is_small=is_small)
        self._last = NO_REFERRAL

    def referral(self, host: str, classed: ClassedHeaders) -> Referral:
        """Tell where a visit comes from; the next one from the same site need not ask."""
        referrer, site, destination, accept, _, _, _ = classed
        last_host, last_site, last_start, last = self._last
        if referrer and site == last_site and host == last_host and referrer.startswith(last_start):
            return last
        start = without_path(referrer) if referrer else b""
        wants_page = accept is not None and b"text/html" in accept
        origin = (start, host, site, destination, wants_page)
        referral = self._referrals[origin]
        if site == SAME_ORIGIN and referral.kind == INTERNAL:
            self._last = LastReferral.of(Origin(*origin), referral)
        return referral

    def route(self, path: str, route: object) -> str:
        """Name the template of the route that answered."""
        if route is None:
            return self._templates.find(path) if self._templates.declared else UNMATCHED
        return route_of(route, path, self._templates)

    def page_route(self, path: str) -> str:
        """Name the declared template of a page."""
        return self._templates.find(path)


_NONE_DECLARED = Templates(())


def route_of(route: object, path: str, declared: Templates = _NONE_DECLARED) -> str:
    """Give the template of the route that answered, never the address.

    Starlette, FastAPI (``route``) and Litestar (``path_template``) leave it in the scope; for
    other frameworks the policy declares templates. Without one nothing is claimed: a stranger
    may have written anything into the address.
    """
    template = getattr(route, "path_format", None) or getattr(route, "path", None) or route
    if isinstance(template, str) and template:
        return template[:MOST_ROUTE]
    return declared.find(path) if declared.declared else UNMATCHED
