"""Small sites for a real browser: served on loopback, with the gate before them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import uvicorn
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from consentgate import ConsentGate
from consentgate.domain.policy.policy import (
    CookiePattern,
    HostPattern,
    LedgerSettings,
    LogSettings,
    Match,
    Policy,
    Service,
    SiteSettings,
    StorageKey,
    StorageKind,
)
from consentgate.domain.regimes import Model, Regime
from tests.policies import SHOP

STRICT = "default-src 'self'; require-trusted-types-for 'script'"
LINKS = "".join(
    f'<p><a href="#s{number}" id="s{number}">Link {number}</a></p>' for number in range(40)
)
WATCH = "window.seen = window.seen || []; document.addEventListener('privacychoices:change', (e) => seen.push(e.detail));"

POLICY = replace(
    SHOP,
    site=SiteSettings(csp="off", banner="flow"),
    ledger=LedgerSettings(url="memory:"),
    log=LogSettings(access_log="leave"),
    services=(
        *(service for service in SHOP.services if service.key not in ("ads", "maps")),
        Service(
            key="ads",
            name="Ads",
            purposes=("marketing",),
            owner="Ads Inc.",
            country="US",
            policy_url="https://ads.example/privacy",
            is_cross_site=True,
            hosts=(HostPattern(host="127.0.0.2"),),
            cookies=(CookiePattern(name="_ads", match=Match.PREFIX, lifetime_seconds=7_776_000),),
            learns=("your IP address", "the page you are on"),
            storage=(
                StorageKey(kind=StorageKind.LOCAL, name="ads_", match=Match.PREFIX),
                StorageKey(kind=StorageKind.SESSION, name="ads"),
                StorageKey(kind=StorageKind.INDEXED_DB, name="adsdb"),
                StorageKey(kind=StorageKind.CACHE, name="ads-cache"),
            ),
        ),
        Service(
            key="film",
            name="Filmbox",
            purposes=("functional",),
            owner="Filmbox Ltd",
            country="IE",
            hosts=(HostPattern(host="127.0.0.4"),),
        ),
    ),
)


@dataclass
class Site:
    """A site for one test: its pages by path, its policy and its own headers."""

    pages: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    typed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Path to the type and text of what is neither."""
    headers: dict[str, str] = field(default_factory=lambda: {"content-security-policy": STRICT})
    policy: Policy = POLICY
    regime: Regime = field(default_factory=lambda: Regime(code="ZZ", model=Model.OPT_IN))

    def app(self) -> ASGIApp:
        """The site behind its gate."""

        async def page(request: Request) -> Response:
            path = request.url.path
            if path in self.scripts:
                return Response(self.scripts[path], media_type="text/javascript")
            if path in self.typed:
                return Response(self.typed[path][1], media_type=self.typed[path][0])
            body = self.pages.get(path)
            return HTMLResponse(body or "nothing here", 200 if body else 404, self.headers)

        gate = ConsentGate(
            Starlette(routes=[Route("/{rest:path}", page)]), policy=self.policy, development=True
        )
        gate.assembly.placing.placed = lambda scope, request, now: (self.regime, None)  # type: ignore[method-assign]
        return gate


def document(
    body: str = "", head: str = "", *, language: str = "en", direction: str = "ltr"
) -> str:
    """A whole, plain and accessible page."""
    return f"""<!doctype html>
<html lang="{language}" dir="{direction}">
<head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>
<body>
<header><nav aria-label="Site"><a href="/">Home</a></nav></header>
<main><h1>A page</h1>{body or LINKS}</main>
<footer>The end</footer>
</body>
</html>"""


def settings(**changes: object) -> Policy:
    """The policy with other site settings."""
    return replace(POLICY, site=replace(POLICY.site, **changes))  # type: ignore[arg-type]


OPT_OUT = Regime(code="US-CA", model=Model.OPT_OUT, has_opt_out_link=True, is_gpc_binding=True)
NOTICE = Regime(code="US-XX", model=Model.NOTICE)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of loopback; gives its base address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(5)


def until(page: Page, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own way needs ``unsafe-eval``."""
    deadline = time.monotonic() + 10
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never: {expression}"
        page.wait_for_timeout(20)


__all__ = [
    "LINKS",
    "NOTICE",
    "OPT_OUT",
    "POLICY",
    "STRICT",
    "WATCH",
    "Mapping",
    "Site",
    "document",
    "serving",
    "settings",
    "until",
]
