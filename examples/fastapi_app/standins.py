"""Stand-ins for third parties: small servers on other loopback addresses that count their hits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAMES = {
    "127.0.0.2": "Google Analytics",
    "127.0.0.3": "Meta Pixel",
    "127.0.0.4": "YouTube",
    "127.0.0.5": "Google Fonts",
}
_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_ANSWERS = {
    ".js": ("text/javascript", b"window.loaded = (window.loaded || 0) + 1;"),
    ".css": ("text/css", b"body { font-family: Georgia, serif; }"),
    "/embed": ("text/html", b"<!doctype html><title>film</title><p>A film would play here."),
}


class StandIns:
    """The third parties of the demo: where they are and how often they were asked."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        """Name of the third party to requests received."""
        self.paths: list[str] = []
        """Every address asked for, in order."""
        self.addresses: dict[str, str] = {}
        """Name to ``host:port``."""
        self._servers: list[ThreadingHTTPServer] = []

    def start(self) -> None:
        """Listen on a free port of each address."""
        for host, name in NAMES.items():
            server = ThreadingHTTPServer((host, 0), self._handler(name))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self._servers.append(server)
            self.addresses[name] = f"{host}:{server.server_address[1]}"

    def stop(self) -> None:
        """Close every server."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _handler(self, name: str) -> type[BaseHTTPRequestHandler]:
        standins = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                standins.hits[name] += 1
                standins.paths.append(f"{name} {self.path}")
                media_type, body = _answer(self.path)
                self.send_response(200)
                self.send_header("content-type", media_type)
                self.send_header("content-length", str(len(body)))
                self.send_header("cache-control", "no-store")
                self.send_header("set-cookie", "third_party_id=1; Path=/")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Count silently."""

        return Handler


def _answer(path: str) -> tuple[str, bytes]:
    plain = path.partition("?")[0]
    for mark, answer in _ANSWERS.items():
        if plain.endswith(mark) or plain.startswith(mark):
            return answer
    return "image/gif", _GIF


@contextmanager
def running() -> Iterator[StandIns]:
    """Run the stand-ins for as long as the block lasts."""
    standins = StandIns()
    standins.start()
    try:
        yield standins
    finally:
        standins.stop()
