"""Owns the stand-ins of third parties: they count handshakes and requests, and keep cookies.

Never knows pages, choices or what ought to happen.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.leak_site import certified
from consentgate.domain.policy.policy import HostPattern, Match, Service, StorageKind

_SOCKET_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a server adds to a socket's key (RFC 6455 1.3)."""
SAMPLE = "x1"
"""Stands for what a pattern leaves open in a name."""
_KINDS = {
    "script": "text/javascript",
    "worker": "text/javascript",
    "style": "text/css",
    "iframe": "text/html",
    "document": "text/html",
    "image": "image/gif",
}
BROWSERS_OWN = frozenset(
    f"{name}.{domain}"
    for name, domain in (
        ("optimizationguide-pa", "googleapis.com"),
        ("content-autofill", "googleapis.com"),
        ("update", "googleapis.com"),
        ("safebrowsing", "googleapis.com"),
        ("accounts", "google.com"),
        ("redirector", "gvt1.com"),
    )
)
"""Hosts that Chromium asks for its own sake, whatever page is open: no page is told of them."""
_OWNERS = Callable[[str], tuple[Service, ...]]


class Parties:
    """Every host but the site's own: who was asked, and whose handshake was seen."""

    def __init__(self) -> None:
        self.port = 0
        self.shaken: list[str] = []
        """Host of every TLS handshake, in order."""
        self.asked: list[str] = []
        """Host and path of every request, in order."""
        self.owners_of: _OWNERS = lambda url: ()
        """Whose an address is: their stand-in keeps what the catalogue says they keep."""

    def clear(self) -> None:
        """Count anew."""
        self.shaken.clear()
        self.asked.clear()

    @property
    def seen(self) -> int:
        """How much has been counted."""
        return len(self.shaken) + len(self.asked)


def program(owners: tuple[Service, ...]) -> bytes:
    """What a service's own script does: keeps its cookies and keys, and calls home every way."""
    lines = ["for (const host of %s) {", " fetch(`https://${host}/call`).catch(() => {});"]
    lines += [" new Image().src = `https://${host}/pixel`;", "}"]
    calls = json.dumps([host_of(pattern) + pattern.path_prefix.rstrip("/")
                        for one in owners for pattern in one.hosts[:3]])  # fmt: skip
    text = "\n".join(lines) % calls
    for one in owners:
        for pattern in one.sockets[:2]:
            text += f"\nnew WebSocket('wss://{host_of(pattern)}/live');"
        for cookie in one.cookies:
            name = name_of(cookie.name, cookie.match)
            text += f"\ndocument.cookie = '{name}=1; path=/; secure; domain=shop.example';"
        for key in one.storage:
            store = {StorageKind.LOCAL: "localStorage", StorageKind.SESSION: "sessionStorage"}
            if key.kind in store:
                text += f"\n{store[key.kind]}.setItem('{name_of(key.name, key.match)}', '1');"
    return text.encode()


def host_of(pattern: HostPattern) -> str:
    """A host that the pattern means."""
    return f"www.{pattern.host}" if pattern.includes_subdomains else pattern.host


def name_of(name: str, match: Match) -> str:
    """A name that the pattern means."""
    return name + SAMPLE if match is Match.PREFIX else name.replace("*", SAMPLE).replace("?", "x")


@contextmanager
def parties(folder: Path) -> Iterator[Parties]:
    """Run the stand-ins; their key is made in the folder."""
    running = Parties()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified(folder))

    def note(_: Any, name: str | None, __: Any) -> None:
        if name not in BROWSERS_OWN:
            running.shaken.append(name or "nameless")

    context.sni_callback = note
    server = _Server(("127.0.0.1", 0), _handler(running))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    running.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # one that waits in line would be counted in a later state

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away, or asks in plain HTTP, is no news."""


def _handler(running: Parties) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = self.headers.get("host", "").partition(":")[0] + self.path
            if url.partition("/")[0] not in BROWSERS_OWN:
                running.asked.append(url)
            if self.headers.get("upgrade", "").lower() == "websocket":
                self.open_socket()
                return
            kind = _KINDS.get(self.headers.get("sec-fetch-dest", ""), "application/json")
            body = b"{}" if kind == "application/json" else b""
            if kind == "text/javascript":
                body = program(running.owners_of("https://" + url))
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("access-control-allow-origin", self.headers.get("origin", "*"))
            self.send_header("access-control-allow-credentials", "true")
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def open_socket(self) -> None:
            """Browsers wait longer and longer where sockets are refused."""
            key = self.headers.get("sec-websocket-key", "") + _SOCKET_KEY
            answer = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
            self.protocol_version = "HTTP/1.1"
            self.send_response(101)
            self.send_header("upgrade", "websocket")
            self.send_header("connection", "upgrade")
            self.send_header("sec-websocket-accept", answer.decode())
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Count silently."""

    return Handler
