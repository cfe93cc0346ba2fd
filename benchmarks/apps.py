"""The apps that the benchmarks measure: one bare app, behind different middleware."""

from __future__ import annotations

import os
import tempfile
from base64 import b64encode
from collections.abc import Callable
from json import dumps
from pathlib import Path

import itsdangerous
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from consentgate import ConsentGate

SESSION_KEY = "benchmark session key, thirty-two bytes"
SESSION = {"user": 4711, "basket": ["a", "b"], "csrf": "x" * 32}
"""A small session as real ones are."""
POLICY = """
version = "1"
effective = 2026-01-01
[controller]
name = "Benchmark Ltd"
contact = "privacy@shop.example"
[service.site]
name = "The shop"
purposes = ["necessary"]
role = "first-party"
cookies = ["session", "csrf", "site_*"]
[service.looks]
name = "Preferences"
purposes = ["functional"]
role = "first-party"
cookies = ["theme", "pref_*"]
[service.counting]
name = "Own statistics"
purposes = ["statistics"]
role = "first-party"
cookies = ["visitor", "_pk_*"]
[service.adverts]
name = "Adverts"
purposes = ["marketing"]
owner = "Adverts Inc."
country = "US"
cookies = ["ad_id", "_gcl_*"]
hosts = ["adverts.example"]
"""
_HEAD = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shoes for long ways | The shop</title>
<meta name="description" content="Shoes, boots and what goes with them.">
<link rel="canonical" href="https://shop.example/shoes">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/site.css?v=31">
<script src="/static/site.js?v=31" defer></script>
<script async src="https://adverts.example/tag.js?id=A-1042"></script>
<script>
window.adverts = window.adverts || [];
function tell() { adverts.push(arguments); }
tell("start", new Date()); tell("account", "A-1042");
</script>
</head>
"""
_ARTICLE = b"""<article class="card" data-id="17"><a href="/shoes/17">
<img src="/media/17.avif" alt="A boot" width="320" height="240" loading="lazy"></a>
<h2>A boot for rain &amp; stone</h2>
<p>Things to buy, and words about them: leather, wool, a sole that lasts.</p>
</article>
"""
PAGE = (
    _HEAD
    + b'<body class="list"><nav><a href="/">Home</a> <a href="/shoes">Shoes</a></nav><main>\n'
    + _ARTICLE * 14
    + b'</main><noscript><img src="https://adverts.example/pixel?id=A-1042" width="1" height="1">'
    + b"</noscript><footer><a href='https://news.example/shop'>News</a></footer></body></html>\n"
)
"""5 KB with what shops have in them: a denied script and pixel, links, pictures, entities."""
SET_COOKIES = (
    (b"set-cookie", b"session=fresh; Path=/; HttpOnly"),
    (b"set-cookie", b"theme=dark; Path=/; Max-Age=86400"),
    (b"set-cookie", b"visitor=a1b2c3; Path=/; Max-Age=86400"),
)


def _app(body: bytes, media_type: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()) -> ASGIApp:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *extra]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


async def _reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as ``/json`` does, having read the session where a middleware has loaded one."""
    request = Request(scope)
    if "session" in scope and request.session["user"] != SESSION["user"]:
        raise RuntimeError("the session was not loaded")
    await _BARE["/json"](scope, receive, send)


_BARE = {
    "/session": _reading,
    "/json": _app(b'{"items": [1, 2, 3]}', b"application/json"),
    "/page": _app(PAGE, b"text/html; charset=utf-8"),
    "/cookies": _app(b'{"ok": true}', b"application/json", SET_COOKIES),
}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``/json``, ``/page`` (5 KB), ``/cookies`` (three ``Set-Cookie``) and ``/session``.

    Below ``/page/`` everything is the page; every other path is the JSON.
    """
    if scope["type"] == "http":
        path = scope["path"]
        known = _BARE.get(path) or _BARE["/page" if path.startswith("/page/") else "/json"]
        await known(scope, receive, send)


class NoOp(BaseHTTPMiddleware):
    """The cheapest middleware of Starlette's convenient kind."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Pass on."""
        return await call_next(request)


def gate(*, log: bool = False, services: int = 4) -> ASGIApp:
    """The gate with the benchmark's policy; the site log goes to a folder of its own.

    Args:
        log: whether a site log is written.
        services: how many services the policy names, at least the four of ``POLICY``.
    """
    os.environ.setdefault("CONSENTGATE_SECRET", "benchmark-signing-key-of-thirty-two-bytes-or-more")
    folder = Path(tempfile.mkdtemp(prefix="benchmark-gate-"))
    text = POLICY + _more_services(services - 4) + '[ledger]\nurl = "memory:"\n'
    if log:
        text += f'[log]\ndirectory = "{folder}/log"\n'
    (folder / "consentgate.toml").write_text(text)
    return ConsentGate(bare, policy=folder / "consentgate.toml")


def _more_services(count: int) -> str:
    purposes = ("functional", "statistics", "marketing")
    return "".join(
        f'[service.more-{number}]\nname = "Service {number}"\n'
        f'purposes = ["{purposes[number % 3]}"]\nowner = "Owner {number}"\ncountry = "US"\n'
        f'cookies = ["more{number}_*"]\nhosts = ["more-{number}.example"]\n'
        for number in range(count)
    )


def make(name: str) -> ASGIApp:
    """The bare app behind the middleware of that name (see ``STACKS``)."""
    return STACKS[name]()


STACKS: dict[str, Callable[[], ASGIApp]] = {
    "bare": lambda: bare,
    "session": lambda: SessionMiddleware(bare, secret_key=SESSION_KEY),
    "basehttp": lambda: NoOp(bare),
    "gate": gate,
    "gate+log": lambda: gate(log=True),
}


def session_cookie() -> bytes:
    """A cookie that SessionMiddleware loads as ``SESSION``."""
    data = b64encode(dumps(SESSION).encode())
    return b"session=" + itsdangerous.TimestampSigner(SESSION_KEY).sign(data)


def app() -> ASGIApp:
    """For a server: the stack that ``BENCHMARK_STACK`` names."""
    return make(os.environ["BENCHMARK_STACK"])
