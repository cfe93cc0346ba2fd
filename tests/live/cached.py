"""The site that stands behind a real shared cache: ``make`` is the factory, SITE_CACHE its mode."""

from __future__ import annotations

import os
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentgate import ConsentGate
from consentgate.domain.policy.policy import LedgerSettings, LogSettings
from tests.policies import SHOP

LASTING = {"cache-control": "public, max-age=600"}
LINKED = {**LASTING, "link": "<https://ads.example/a>; rel=preload"}


async def page(request: Request) -> Response:
    """The same for everyone, with a tag of a third party."""
    body = "<!doctype html><html lang=en><body><img src=https://ads.example/p><h1>Tea</h1>"
    return HTMLResponse(body, headers=LASTING)


async def basket(request: Request) -> Response:
    """A page that sets a cookie, and says that it may be kept."""
    response = HTMLResponse("<!doctype html><body>Basket", headers=LASTING)
    response.set_cookie("session", "s1")
    return response


async def style(request: Request) -> Response:
    """A file that leads to a third party, and sets an optional cookie."""
    response = Response("p{}", media_type="text/css", headers=LINKED)
    response.set_cookie("_fbp", "f1")
    return response


def make() -> ConsentGate:
    """The site behind its gate."""
    policy = replace(
        SHOP,
        site=replace(SHOP.site, cache=os.environ["SITE_CACHE"]),
        ledger=LedgerSettings(url="memory:"),
        log=LogSettings(access_log="leave"),
    )
    routes = [Route("/", page), Route("/basket", basket), Route("/a.css", style)]
    return ConsentGate(Starlette(routes=routes), policy=policy)
