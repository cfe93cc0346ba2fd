"""Drives an ASGI app with raw messages and collects what it sends, with no client in between.

``receive`` hands out the given messages, then waits until the answer is complete and says
``http.disconnect``, as servers do: some frameworks cancel the request on an early one, others
wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from consentgate import ConsentGate
from consentgate.domain.policy.policy import LedgerSettings, Policy
from consentgate.domain.regimes import Regime
from tests.policies import SHOP

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[..., Any]
Pairs = Iterable[tuple[bytes, bytes]]

NOW = 1_790_000_000
"""The moment at which the gates of the tests serve: 2026-09-21, UTC."""
HOST = b"shop.example"
CLIENT = ("192.0.2.7", 50_000)
END: Message = {"type": "http.request", "body": b"", "more_body": False}
TIMEOUT_SECONDS = 20
PAGE = b"<!doctype html><html><head><title>Shop</title></head><body><h1>Teapots</h1></body></html>"
JSON_BODY = b'{"teapots": 3}'


@dataclass
class Exchange:
    """What the server saw of one connection."""

    scope: Scope
    sent: list[Message] = field(default_factory=list)
    returned: Any = None
    raised: BaseException | None = None

    def only(self, kind: str) -> list[Message]:
        """Every message of that type, in order."""
        return [message for message in self.sent if message["type"] == kind]

    @property
    def start(self) -> Message:
        """The one message that carries the status or accepts the socket."""
        (found,) = [
            message
            for message in self.sent
            if message["type"].endswith("response.start") or message["type"] == "websocket.accept"
        ]
        return found

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.start["status"])

    @property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Every header pair, as sent."""
        return [(bytes(name), bytes(value)) for name, value in self.start.get("headers", ())]

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header, in order; its name in any case."""
        return [value for key, value in self.pairs if key.lower() == name]

    def one(self, name: bytes) -> bytes | None:
        """The value of a header that stands at most once."""
        values = self.all(name)
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    @property
    def set_cookies(self) -> list[bytes]:
        """Every ``Set-Cookie`` line."""
        return self.all(b"set-cookie")

    @property
    def cookies(self) -> dict[str, str]:
        """What a browser would hold after this answer: name to value, deletions left out."""
        jar: dict[str, str] = {}
        for line in self.set_cookies:
            name, _, value = line.partition(b";")[0].decode("latin-1").partition("=")
            if b"max-age=0" in line.lower():
                jar.pop(name, None)
            else:
                jar[name] = value
        return jar

    @property
    def body(self) -> bytes:
        """Every byte of the body."""
        return b"".join(
            message.get("body", b"")
            for message in self.sent
            if message["type"].endswith("response.body")
        )

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


def http(
    path: str = "/",
    *,
    method: str = "GET",
    headers: Pairs = (),
    cookie: str | bytes = "",
    query: bytes = b"",
    scheme: str = "http",
    host: bytes = HOST,
    **more: Any,
) -> Scope:
    """An HTTP scope as a server builds it; ``more`` replaces or adds keys."""
    pairs = [(b"host", host), *headers]
    if cookie:
        pairs.append((b"cookie", cookie.encode() if isinstance(cookie, str) else cookie))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": quote(path, errors="replace").encode(),
        "query_string": query,
        "root_path": "",
        "headers": pairs,
        "client": CLIENT,
        "server": ("127.0.0.1", 8000),
        **more,
    }


def websocket(path: str = "/", *, scheme: str = "ws", **more: Any) -> Scope:
    """A WebSocket scope; the same arguments as ``http``."""
    scope = http(path, scheme=scheme, **more)
    del scope["method"]
    return {**scope, "type": "websocket", "subprotocols": []}


def post(
    path: str,
    body: bytes,
    *,
    media_type: bytes = b"application/x-www-form-urlencoded",
    site: bytes | None = b"same-origin",
    headers: Pairs = (),
    **more: Any,
) -> tuple[Scope, Message]:
    """A POST from a page of the same site, and its one body message."""
    sent = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
    if site is not None:
        sent.append((b"sec-fetch-site", site))
    scope = http(path, method="POST", headers=sent, **more)
    return scope, {"type": "http.request", "body": body, "more_body": False}


def form(path: str, fields: Mapping[str, Any], **more: Any) -> tuple[Scope, Message]:
    """A form POST from a page of the same site; a list is several fields of one name."""
    return post(path, urlencode(fields, doseq=True).encode(), **more)


async def drive(
    app: App,
    scope: Scope,
    *incoming: Message,
    on_send: Callable[[Message], None] | None = None,
) -> Exchange:
    """Run an app over one connection; what it raises is kept, not raised.

    Args:
        app: any ASGI app.
        scope: the connection.
        incoming: what ``receive`` gives, in order, before it waits for the end. Without any,
            an HTTP request has an empty body.
        on_send: sees each message while the app still waits in ``send``.
    """
    exchange = Exchange(scope)
    waiting = list(incoming) or ([dict(END)] if scope["type"] == "http" else [])
    is_complete = asyncio.Event()

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await is_complete.wait()
        return {"type": f"{scope['type']}.disconnect"}

    async def send(message: Message) -> None:
        exchange.sent.append(message)
        if _ends(message):
            is_complete.set()
        if on_send is not None:
            on_send(message)

    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            exchange.returned = await app(scope, receive, send)
    except Exception as error:
        exchange.raised = error
    return exchange


def _ends(message: Message) -> bool:
    is_body = message["type"].endswith("response.body")
    return message["type"] == "websocket.close" or (is_body and not message.get("more_body", False))


def run(app: App, scope: Scope, *incoming: Message) -> Exchange:
    """``drive`` for a test without an event loop of its own."""
    return asyncio.run(drive(app, scope, *incoming))


async def start_up(app: App) -> Callable[[], Any]:
    """Run the lifespan protocol up to the end of start-up.

    Returns:
        A coroutine function that shuts the app down. An app without lifespan is left alone.
    """
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    started = asyncio.Event()
    faults: list[str] = []

    async def send(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            faults.append(message.get("message", ""))
        started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, incoming.get, send))
    task.add_done_callback(lambda _: started.set())
    await incoming.put({"type": "lifespan.startup"})
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await started.wait()
    assert not faults, faults

    async def shut_down() -> None:
        await incoming.put({"type": "lifespan.shutdown"})
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await asyncio.gather(task, return_exceptions=True)

    return shut_down


def regime_of(gate: ConsentGate) -> Regime:
    """The rules that hold for a plain request now."""
    return gate.assembly.placing.regime_of(http(), int(time.time()))


class Script:
    """An app that sends the given messages and remembers what it was called with."""

    def __init__(self, *messages: Message, returns: Any = None) -> None:
        self.messages = messages
        self.returns = returns
        self.scopes: list[Scope] = []
        self.receives: list[Any] = []

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        self.scopes.append(scope)
        self.receives.append(receive)
        for message in self.messages:
            await send(message)
        return self.returns

    @property
    def scope(self) -> Scope:
        """The scope of the last call."""
        return self.scopes[-1]

    @property
    def cookie_fields(self) -> list[bytes]:
        """The ``Cookie`` fields that reached the app on the last call."""
        return [value for name, value in self.scope["headers"] if name.lower() == b"cookie"]


def start(
    content_type: bytes | None = b"text/html; charset=utf-8",
    *headers: tuple[bytes, bytes],
    status: int = 200,
    length: int | None = None,
    **more: Any,
) -> Message:
    """The start of a response."""
    pairs = [(b"content-type", content_type)] if content_type is not None else []
    if length is not None:
        pairs.append((b"content-length", b"%d" % length))
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [*pairs, *headers],
        **more,
    }


def body(data: bytes = b"", *, more_body: bool = False) -> Message:
    """A piece of a response's body."""
    return {"type": "http.response.body", "body": data, "more_body": more_body}


def page(*headers: tuple[bytes, bytes], data: bytes = PAGE, status: int = 200) -> Script:
    """An app that answers with a whole page."""
    return Script(
        start(b"text/html; charset=utf-8", *headers, status=status, length=len(data)), body(data)
    )


def json_answer(*headers: tuple[bytes, bytes], status: int = 200) -> Script:
    """An app that answers with JSON."""
    return Script(
        start(b"application/json", *headers, status=status, length=len(JSON_BODY)), body(JSON_BODY)
    )


def in_memory(policy: Policy = SHOP, *, log: Path | None = None) -> Policy:
    """The same policy with its ledger in memory, and a site log only where one is named."""
    directory = str(log) if log else ""
    return replace(
        policy,
        ledger=LedgerSettings(url="memory:"),
        log=replace(policy.log, directory=directory, access_log="leave"),
    )


def gated(
    app: App, policy: Policy = SHOP, *, log: Path | None = None, **options: Any
) -> ConsentGate:
    """A gate before an app: ledger in memory, a throw-away key, the clock at NOW."""
    options.setdefault("clock", lambda: float(NOW))
    options.setdefault("development", True)
    return ConsentGate(app, policy=in_memory(policy, log=log), **options)


def chosen(gate: ConsentGate, *, scheme: str = "http", **fields: Any) -> str:
    """Make a choice by form POST and give the cookie pair that carries it."""
    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    scope, sent = form(gate.assembly.prefix, {"notice": notice, **fields}, scheme=scheme)
    answer = run(gate, scope, sent)
    assert answer.status == 303, (answer.status, answer.body)
    name = (
        f"__Host-{gate.assembly.policy.site.token_name}"
        if scheme == "https"
        else gate.assembly.policy.site.token_name
    )
    return f"{name}={answer.cookies[name]}"
