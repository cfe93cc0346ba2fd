"""What one visit leaves behind, with the gate off and on: run for real, in process."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consentgate import ConsentGate, Policy

REQUEST_HEADERS = [
    (b"host", b"teapot.example"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"referer", b"https://search.example/?q=teapot+for+jane.doe%40example.com"),
    (b"cookie", b"session=ab12; visitor_id=77f3; _fbp=fb.1.123; currency=GBP"),
]
PATH, QUERY = "/", b"email=jane.doe%40example.com&utm_source=letter"
CLIENT = ("198.51.100.7", 50_000)


@dataclass
class Trace:
    """What a visit left behind."""

    seen_by_app: str = ""
    set_cookie: list[str] = field(default_factory=list)
    live_beacons: list[str] = field(default_factory=list)
    log_line: str = ""


async def visit(app: ASGIApp, hosts: Mapping[str, str]) -> Trace:
    """Send one request through an app and note what it leaves behind."""
    trace = Trace()
    started: list[Message] = []
    body = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        body.extend(message.get("body", b""))

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": QUERY,
        "root_path": "",
        "headers": list(REQUEST_HEADERS),
        "client": CLIENT,
        "server": ("teapot.example", 443),
    }
    await app(scope, receive, send)
    trace.set_cookie = [
        value.decode() for name, value in started[0]["headers"] if name == b"set-cookie"
    ]
    trace.live_beacons = live_beacons(body.decode(), hosts)
    return trace


def live_beacons(page: str, hosts: Mapping[str, str]) -> list[str]:
    """Third parties that an attribute of the page would make a browser contact."""
    found = re.findall(r"""\s(?:src|href)=["']?http://([0-9.]+:[0-9]+)""", page)
    names = {address: name for name, address in hosts.items()}
    return sorted({names[address] for address in found if address in names})


class Watched:
    """The bare shop, noting which cookies it was shown."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seen = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope.get("headers", ()))
        self.seen = headers.get(b"cookie", b"").decode("latin-1")
        await self._app(scope, receive, send)


async def compare(shop: ASGIApp, policy: Policy, hosts: Mapping[str, str]) -> tuple[Trace, Trace]:
    """Make the same visit twice: to the bare shop and through the gate."""
    watched = Watched(shop)
    off = await visit(watched, hosts)
    off.seen_by_app = watched.seen
    query = QUERY.decode()
    off.log_line = f'{CLIENT[0]}:{CLIENT[1]} - "GET {PATH}?{query} HTTP/1.1" 200'
    with TemporaryDirectory() as folder:
        quiet = replace(
            policy,
            log=replace(policy.log, directory=folder, access_log="leave"),
            ledger=replace(policy.ledger, url="memory:"),
        )
        gate = ConsentGate(watched, policy=quiet, development=True)
        on = await visit(gate, hosts)
        on.seen_by_app = watched.seen
        gate.close()
        (segment,) = Path(folder).glob("closed/ev-*.jsonl")
        on.log_line = segment.read_text(encoding="utf-8").splitlines()[1]
    return off, on


def rows(off: Trace, on: Trace) -> str:
    """The comparison as table rows."""

    def lines(values: list[str]) -> str:
        return "<br>".join(f"<code>{html.escape(value)}</code>" for value in values) or "nothing"

    def record(text: str) -> str:
        try:
            shown: Any = json.dumps(json.loads(text), indent=1)
        except ValueError:
            shown = text
        return f"<code>{html.escape(shown)}</code>"

    return "".join(
        f"<tr><th scope=row>{title}</th><td>{left}</td><td>{right}</td></tr>"
        for title, left, right in (
            ("Cookies the app could read", lines([off.seen_by_app]), lines([on.seen_by_app])),
            ("Cookies set or removed", lines(off.set_cookie), lines(on.set_cookie)),
            ("Third parties contacted", lines(off.live_beacons), lines(on.live_beacons)),
            ("Access log", record(off.log_line), record(on.log_line)),
        )
    )
