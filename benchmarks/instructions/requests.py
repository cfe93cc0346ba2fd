"""Owns the requests that are counted: their headers, their tokens, and the stacks they go to.

Only what every user of the package has is used: ``ConsentGate`` and its HTTP surface. As from a
server, every request has strings and a scope of its own.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

from starlette.types import ASGIApp, Message

from benchmarks import apps
from benchmarks.gate import headers_for
from benchmarks.instructions.rows import Row

Scope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
ACTS = {"refused": "reject", "granted": "accept"}
CHROME = (
    (b"host", b"127.0.0.1:8000"),
    (b"connection", b"keep-alive"),
    (b"cache-control", b"max-age=0"),
    (b"sec-ch-ua", b'"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Linux"'),
    (b"upgrade-insecure-requests", b"1"),
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        b"Chrome/140.0.0.0 Safari/537.36",
    ),
    (
        b"accept",
        b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
        b"*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    ),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
    (b"referer", b"http://127.0.0.1:8000/shoes"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en-GB,en-US;q=0.9,en;q=0.8"),
)
"""What Chrome sends with a page that is loaded again."""
_BEGINS: dict[bytes, bytes | None] = {b"referer": None, b"sec-fetch-site": b"none"}
"""What is different, or missing, where the address was typed."""
_serial = itertools.count()


@cache
def stack(name: str, services: int) -> ASGIApp:
    """The bare app behind the middleware of that name; the same one every time."""
    if name.startswith("gate"):
        return apps.gate(log=name == "gate+log", services=services)
    return apps.make(name)


@cache
def _signing(services: int) -> Any:
    """A gate of the same policy and key, of whose tokens the measured one knows nothing."""
    return apps.gate(services=services)


async def requests(row: Row, count: int) -> list[Scope]:
    """Scopes for so many requests of a row."""
    token = ""
    if row.choice != "none" and row.new != "token":
        token = await choose(stack(row.stack, row.services), row.choice)
    scopes = []
    for number in range(count):
        if row.new == "token":
            token = await choose(_signing(row.services), row.choice, number)
        headers = [(_own(key), _own(value)) for key, value in _headers(row, token)]
        scopes.append(scope_of(row.path, headers))
    if row.new == "token":
        _signing(row.services).close()  # its threads would be counted
    return scopes


async def notice_of(gate: ASGIApp) -> str:
    """What the form of the first layer says with a choice: which notice was read."""
    page = b"".join(m.get("body", b"") for m in await call(gate, scope_of("/page", [])))
    return page.partition(b'name="notice" value="')[2].partition(b'"')[0].decode()


async def choose(gate: ASGIApp, choice: str, number: int = 0, notice: str = "") -> str:
    """The cookie that a visitor gets who refuses or grants everything, without JavaScript.

    Args:
        gate: where the choice is made.
        choice: ``refused`` or ``granted``.
        number: of the visitor: nobody makes many choices a minute from one address.
        notice: that was read; empty: today's is asked for.
    """
    notice = notice or await notice_of(gate)
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"origin", b"http://127.0.0.1:8000"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    scope = scope_of("/privacy-choices", headers)
    scope |= {"method": "POST", "client": (f"10.0.{number // 250}.{number % 250}", 50_000)}
    body = f"choice={ACTS[choice]}&notice={notice}&next=/".encode()
    start = (await call(gate, scope, body))[0]
    if start["status"] != 303:
        raise RuntimeError(f"the choice was not taken: {start['status']}")
    lines = [value for key, value in start["headers"] if key == b"set-cookie"]
    token: bytes = next(line.split(b";")[0] for line in lines if b"Max-Age=0" not in line)
    return token.decode()


async def call(app: ASGIApp, scope: Scope, body: bytes = b"") -> list[Message]:
    """Every message that an app sends in answer to one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def _headers(row: Row, token: str) -> Headers:
    if row.stack == "session" or row.path == "/session":
        return [*headers_for("none", 0, ""), (b"cookie", apps.session_cookie())]
    headers = headers_for(row.choice, row.cookies, token)
    if row.is_chrome:
        headers = [*CHROME, *(pair for pair in headers if pair[0] == b"cookie")]
    changes: dict[bytes, bytes | None] = dict(_BEGINS) if row.begins else {}
    if row.new == "agent":
        changes[b"user-agent"] = new_agent(next(_serial)).encode()
    changed = [(key, changes.get(key, value)) for key, value in headers]
    return [(key, value) for key, value in changed if value is not None]


def new_agent(number: int) -> str:
    """A browser's agent as no other number has it."""
    return (
        f"Mozilla/5.0 (Linux; Android {9 + number % 7}; SM-G{number:07d}) AppleWebKit/537.36 "
        f"(KHTML, like Gecko) Chrome/{120 + number % 20}.0.{number % 7919}.{number % 211} "
        "Mobile Safari/537.36"
    )


def _own(text: bytes) -> bytes:
    """The same bytes as an object of its own, whose hash nobody has computed yet."""
    return bytes(bytearray(text))


def scope_of(path: str, headers: Headers) -> Scope:
    """The scope of one request, as servers make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }
