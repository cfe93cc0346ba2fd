"""Owns what pages of the site on other origins are told, so that browsers let them read an answer.

Only origins that the policy names are told anything (Fetch, "CORS protocol").
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import Response

from consentgate.asgi.posts.same_origin import declared_origin
from consentgate.gates.request import Request

_PREFLIGHT_SECONDS = 600


def is_preflight(request: Request, origins: Collection[str]) -> bool:
    """Whether a browser asks on behalf of a declared origin what it may send."""
    return (
        request.method == "OPTIONS"
        and bool(request.header(b"access-control-request-method"))
        and bool(declared_origin(request, origins))
    )


def preflight(methods: str) -> Response:
    """The answer to such a question.

    Args:
        methods: what is answered at this address.
    """
    headers = {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "content-type",
        "access-control-max-age": str(_PREFLIGHT_SECONDS),
    }
    return Response(status_code=204, headers=headers)


def tell_origin(response: Response, request: Request, origins: Collection[str]) -> None:
    """Let the page of a declared origin read the answer, with its cookies."""
    if not origins:
        return
    response.headers.add_vary_header("Origin")
    origin = declared_origin(request, origins)
    if origin:
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
