"""A page with tags as their vendors publish them, and stand-ins that count who is asked.

Chromium resolves every host but loopback to one server with a certificate of its own, which answers
for all third parties and counts by host; nothing leaves the machine.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SERVICES = {
    "www.googletagmanager.com": "Google Analytics",
    "www.google-analytics.com": "Google Analytics",
    "connect.facebook.net": "Meta Pixel",
    "www.facebook.com": "Meta Pixel",
    "www.youtube.com": "YouTube",
    "fonts.googleapis.com": "Google Fonts",
    "fonts.gstatic.com": "Google Fonts",
}
"""Host to the service whose it is."""

FONTS = """<link rel="preconnect" href="https://fonts.googleapis.com">
<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>
<link href="https://fonts.googleapis.com/css2?family=Lora&display=swap" rel="stylesheet">"""
ANALYTICS = """<!-- Google tag (gtag.js) -->
<script async src="https://www.googletagmanager.com/gtag/js?id=G-TEAPOT"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag(){dataLayer.push(arguments);}
  gtag('js', new Date());

  gtag('config', 'G-TEAPOT');
</script>"""
META = """<!-- Meta Pixel Code -->
<script>
!function(f,b,e,v,n,t,s)
{if(f.fbq)return;n=f.fbq=function(){n.callMethod?
n.callMethod.apply(n,arguments):n.queue.push(arguments)};
if(!f._fbq)f._fbq=n;n.push=n;n.loaded=!0;n.version='2.0';
n.queue=[];t=b.createElement(e);t.async=!0;
t.src=v;s=b.getElementsByTagName(e)[0];
s.parentNode.insertBefore(t,s)}(window, document,'script',
'https://connect.facebook.net/en_US/fbevents.js');
fbq('init', '1234567890');
fbq('track', 'PageView');
</script>
<noscript><img height="1" width="1" style="display:none" alt=""
src="https://www.facebook.com/tr?id=1234567890&ev=PageView&noscript=1"/></noscript>
<!-- End Meta Pixel Code -->"""
YOUTUBE = """<iframe width="560" height="315" src="https://www.youtube.com/embed/teapot?si=1"
 title="YouTube video player" frameborder="0" allow="autoplay; encrypted-media; picture-in-picture"
 referrerpolicy="strict-origin-when-cross-origin" allowfullscreen></iframe>"""
PIXEL = '<img src="https://www.google-analytics.com/collect?v=1&amp;t=x" alt="" width="1">'
SRCSET = '<img src="/x.gif" srcset="https://www.facebook.com/tr?id=1&amp;x=2 1x" alt="">'
HEAD, BODY = FONTS + ANALYTICS + META, YOUTUBE + PIXEL + SRCSET


def page(head: str = HEAD, body: str = BODY) -> str:
    """The shop's page."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Teapots</title>
{head}</head><body><h1>Teapots</h1>
{body}
</body></html>"""


_GTAG = b"new Image().src='https://www.google-analytics.com/g/collect?v=2&tid=G-TEAPOT';"
_PIXEL = b"new Image().src='https://www.facebook.com/tr?id=1234567890&ev=PageView';"
_ANSWERS = {
    "/gtag/js": ("text/javascript", _GTAG),
    "/en_US/fbevents.js": ("text/javascript", _PIXEL),
    "/css2": (
        "text/css",
        b"@font-face{font-family:Lora;src:url(https://fonts.gstatic.com/s/lora.woff2)}h1{font-family:Lora}",
    ),
    "/embed/teapot": ("text/html", b"<!doctype html><title>film</title><p>film"),
}


class ThirdParties:
    """The stand-ins: hits by service, and every host and path asked for."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.asked: list[str] = []
        self.port = 0

    @property
    def arguments(self) -> list[str]:
        """What Chromium needs to take them for the real ones."""
        rules = f"MAP * 127.0.0.1:{self.port}, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        return [f"--host-resolver-rules={rules}", "--ignore-certificate-errors"]

    def clear(self) -> None:
        """Count anew."""
        self.hits.clear()
        self.asked.clear()


def certified(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key in the folder: the same pair where they are there."""
    certificate, key = folder / "third.pem", folder / "third.key"
    if not key.exists():
        made = ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=third"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made],
            check=True,
            capture_output=True,
        )
    return certificate, key


@contextmanager
def third_parties(folder: Path) -> Iterator[ThirdParties]:
    """Run the stand-ins; their key is made in the folder."""
    parties = ThirdParties()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(parties))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    parties.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield parties
    finally:
        server.shutdown()
        server.server_close()


def _handler(parties: ThirdParties) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("host", "").partition(":")[0]
            path = self.path.partition("?")[0]
            parties.hits[SERVICES.get(host, host)] += 1
            parties.asked.append(host + self.path)
            media_type, body = _ANSWERS.get(path, ("image/gif", b"GIF89a"))
            self.send_response(200)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("access-control-allow-origin", "*")
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Count silently."""

    return Handler
