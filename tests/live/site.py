"""The site that the live tests serve: ``make`` is the factory, the environment its settings."""

from __future__ import annotations

import os
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from consentgate import ConsentGate
from consentgate.domain.policy.policy import LedgerSettings, LogSettings
from tests.policies import SHOP


async def page(request: Request) -> Response:
    """A page that sets a necessary and a marketing cookie."""
    response = HTMLResponse("<!doctype html><title>Shop</title><body><h1>Teapots</h1></body>")
    response.set_cookie("session", "s1")
    response.set_cookie("_fbp", "fb.1")
    return response


async def echo(request: Request) -> Response:
    """What of the visitor's cookies reached the app, and which worker it was."""
    return JSONResponse({"cookies": dict(request.cookies), "pid": os.getpid()})


async def socket(websocket: WebSocket) -> None:
    """Says once what it was sent."""
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def make() -> ConsentGate:
    """The site behind its gate, in the folder that SITE_FOLDER names."""
    folder = os.environ["SITE_FOLDER"]
    policy = replace(
        SHOP,
        ledger=LedgerSettings(
            url=os.environ.get("SITE_LEDGER", f"sqlite:{folder}/proof/ledger.sqlite3")
        ),
        log=LogSettings(
            directory=os.environ.get("SITE_LOG", f"{folder}/log"),
            access_log=os.environ.get("SITE_ACCESS_LOG", "mute"),
        ),
    )
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/echo", echo),
            Route("/user/{name}", echo),
            WebSocketRoute("/ws", socket),
        ]
    )
    return ConsentGate(app, policy=policy)
