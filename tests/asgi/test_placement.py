"""Each framework's own ways to add middleware: a gate works there, or says which way works."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from litestar import Litestar, get
from litestar.middleware import DefineMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute

from consentgate import ConsentGate
from consentgate.errors import SettingError
from tests.asgi import raw
from tests.asgi.raw import form, http, run

OPTIONS: dict[str, Any] = {"policy": raw.in_memory(), "development": True}
GATE = Middleware(ConsentGate, **OPTIONS)
PAGE = "<!doctype html><html><head></head><body>x</body></html>"


async def home(request: Any) -> HTMLResponse:
    return HTMLResponse(PAGE)


@get("/")
async def litestar_home() -> str:
    return "x"


async def socket(websocket: Any) -> None: ...


def test_litestars_own_middleware_is_refused_with_the_way_that_works() -> None:
    """Behind Litestar's router the gate would be made for each route, and hear of none of its own."""
    with pytest.raises(SettingError, match=r"wrap the app instead: app = ConsentGate\(app"):
        Litestar([litestar_home], middleware=[DefineMiddleware(ConsentGate, **OPTIONS)])
    app = ConsentGate(Litestar([litestar_home]), **OPTIONS)
    assert run(app, *form("/privacy-choices", {"choice": "reject"})).status == 303


def test_djangos_middleware_setting_is_refused() -> None:
    """It calls what it is given with requests, which are no scopes."""
    from django.core.handlers.exception import convert_exception_to_response

    with pytest.raises(SettingError, match=r"get_asgi_application\(\)"):
        ConsentGate(convert_exception_to_response(home), **OPTIONS)


@pytest.mark.parametrize(
    "route",
    [
        lambda: Route("/", home, middleware=[GATE]),
        lambda: WebSocketRoute("/", socket, middleware=[GATE]),
    ],
)
def test_a_gate_on_one_route_is_refused(route: Any) -> None:
    """A choice made there would be sent to an address that the gate never hears of."""
    with pytest.raises(SettingError, match="a gate on one route"):
        route()


@pytest.mark.parametrize(
    "app",
    [
        lambda: Starlette(routes=[Mount("/shop", routes=[Route("/", home)], middleware=[GATE])]),
        lambda: Starlette(
            routes=[Mount("/shop", ConsentGate(Router([Route("/", home)]), **OPTIONS))]
        ),
        lambda: Starlette(
            routes=[Mount("/shop", app=Router([Route("/", home)], middleware=[GATE]))]
        ),
    ],
)
def test_a_gate_on_a_mount_works(app: Any) -> None:
    """Everything below the mount passes it, its own addresses too."""
    site = app()
    page = run(site, http("/shop/"))
    assert page.body.count(b"data-privacy-note") == 1
    assert b'action="/shop/privacy-choices"' in page.body
    seen = run(site, *form("/shop/privacy-choices", {"choice": "reject", "next": "/shop/"}))
    assert (seen.status, seen.one(b"location")) == (303, b"/shop/")
    assert "choices" in seen.cookies


def test_a_server_on_trio_is_refused_at_its_start(caplog: pytest.LogCaptureFixture) -> None:
    """By the lifespan protocol, with the way that works; a request without it fails likewise."""
    gate = raw.gated(raw.page())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with caplog.at_level(logging.ERROR):
        trio.run(gate, {"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "hypercorn --worker-class asyncio" in sent[0]["message"]
    with pytest.raises(SettingError, match="runs on trio"):
        trio.run(raw.gated(raw.page()), http("/"), receive, send)
