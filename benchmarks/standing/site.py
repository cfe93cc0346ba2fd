"""Owns the site of the standing test: pages with vendors' own lines, and the gate before them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from consentgate import ConsentGate
from consentgate.asgi.startup.policy_file import load_catalogue, load_regimes
from consentgate.asgi.startup.texts import load_texts
from consentgate.domain.policy.policy import Policy
from consentgate.formats.policy.reader import parse_policy

HOST = "shop.example"
SNIPPETS = Path(__file__).parents[2] / "tests" / "corpora" / "snippets"
_POLICY = """
version = "1"
effective = 2026-01-01
[controller]
name = "Example Shop"
contact = "privacy@shop.example"
[ledger]
url = "memory:"
[log]
access_log = "leave"
[site]
csp = "{csp}"
cache = "{cache}"
"""


@dataclass(frozen=True)
class Mode:
    """How the gate is set up."""

    csp: str
    cache: str


MODES = tuple(
    Mode(csp, cache)
    for csp in ("enforce", "report-only", "off")
    for cache in ("per-visitor", "shared")
)


def published() -> list[str]:
    """Keys of the services whose lines are at hand, in alphabetical order."""
    return sorted(path.stem for path in SNIPPETS.glob("*.html"))


def policy_of(keys: list[str], mode: Mode) -> Policy:
    """A policy that declares these services from the catalogue."""
    text = _POLICY.format(csp=mode.csp, cache=mode.cache)
    text += "".join(f'[service.{key}]\nuse = "{key}"\n' for key in keys)
    return parse_policy(
        text,
        catalogue=load_catalogue(),
        regimes=load_regimes()["regime"],
        texts=load_texts(),
    )


def page_of(keys: list[str]) -> str:
    """One page with the lines of all of these services, each in an element of its own."""
    snippets = [(SNIPPETS / f"{key}.html").read_text(encoding="utf-8") for key in keys]
    body = "\n".join(f"<div>\n{snippet}\n</div>" for snippet in snippets)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title></head>'
        f"<body><h1>Shop</h1>\n{body}\n</body></html>"
    )


def app_of(keys: list[str], policy: Policy | None) -> ASGIApp:
    """The page at ``/``; behind the gate where there is a policy."""
    page = page_of(keys)

    async def answer(request: Request) -> Response:
        return HTMLResponse(page) if request.url.path == "/" else Response("", 404)

    app = Starlette(routes=[Route("/{rest:path}", answer)])
    return app if policy is None else ConsentGate(app, policy=policy, development=True)


@contextmanager
def serving(app: ASGIApp, certificate: tuple[Path, Path]) -> Iterator[str]:
    """Serve over HTTPS on a free port of loopback; gives the address of the front page."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            log_level="critical",
            lifespan="off",
            ssl_certfile=certificate[0],
            ssl_keyfile=certificate[1],
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"https://{HOST}:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(5)
