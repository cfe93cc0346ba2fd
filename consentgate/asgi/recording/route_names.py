"""Owns what the site log calls the route that answered; never the address."""

from __future__ import annotations

from consentgate.formats.urls.templates import UNMATCHED, Templates
from consentgate.gates.records.site_information import MOST_ROUTE

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
