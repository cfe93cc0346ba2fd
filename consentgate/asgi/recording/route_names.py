"""Owns what the site log calls the route that answered; never the address."""

from __future__ import annotations

from consentgate.domain.kinds import PROBE, unanswered
from consentgate.domain.signals import NONE
from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.ended import Ended
from consentgate.gates.records.known_pages import KnownPages
from consentgate.gates.records.referrers import INTERNAL
from consentgate.gates.records.site_information import MOST_ROUTE
from consentgate.gates.request import Request
from consentgate.log.counts.visits import VisitCounts

_NONE_DECLARED = Templates(())


def route_of(route: object, path: str, declared: Templates = _NONE_DECLARED) -> str:
    """Give the template of the route that answered.

    Starlette, FastAPI (``route``) and Litestar (``path_template``) leave it in the scope; for
    other frameworks the policy declares templates. Without one nothing is claimed: a stranger
    may have written anything into the address.

    Args:
        route: what the router left.
        path: as the visitor asked.
        declared: the policy's templates.
    """
    template = getattr(route, "path_format", None) or getattr(route, "path", None) or route
    if isinstance(template, str) and template:
        return template[:MOST_ROUTE]
    return declared.find(path) if declared.declared else UNMATCHED


class RouteNames:
    """Names the routes that are no plain template, and what nothing answered at."""

    def __init__(self, declared: Templates, pages: KnownPages, counts: VisitCounts) -> None:
        """Prepare.

        Args:
            declared: the policy's templates.
            pages: tells the route of the page before.
            counts: sums of the routes whose pages link to nothing.
        """
        self._declared, self._pages, self._counts = declared, pages, counts

    def of(self, request: Request, route: object) -> str:
        """Name the route that answered, where it is no plain template."""
        if route is None and not self._declared.declared:
            return UNMATCHED
        return route_of(route, request.whole_path, self._declared)

    def left(self, visit: Ended, kind: str, referrer: bytes | None) -> str:
        """The same, or the class of an address at which nothing was found.

        Of the latter the page that led there is counted, where it is one of ours: that says nothing
        of the visitor.

        Args:
            visit: that has ended.
            kind: class of the referrer.
            referrer: the whole ``Referer``.
        """
        route = self.of(visit.request, visit.route)
        if visit.status != 404 or route != UNMATCHED:
            return route
        name = unanswered(visit.request.whole_path)
        if kind == INTERNAL and name != PROBE and visit.visitor.signals is NONE:
            self._counts.add("broken", self._pages.before(referrer) or "(unknown)", visit.now)
        return name
