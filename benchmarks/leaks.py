"""Whom a page asks before and after the visitor's choice: ``python -m benchmarks.leaks``.

consentgate, vanilla-cookieconsent and klaro on the same page, the latter two from npm in a
temporary folder, each with the page as a developer pastes it and with the markup that its
documentation asks for.
Every visit is a real Chromium's; third parties are stand-ins that count.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from benchmarks import leak_site as leak
from benchmarks.leak_site import ThirdParties, third_parties
from consentgate import ConsentGate

VANILLA, KLARO = "3.1.0", "0.7.22"
SERVICES = ("Google Analytics", "Meta Pixel", "YouTube", "Google Fonts")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
POLICY = """
version = "1"
effective = 2026-01-01
[controller]
name = "Teapot Shop"
contact = "privacy@shop.example"
[ledger]
url = "memory:"
[log]
access_log = "leave"
[service.google-analytics]
use = "google-analytics"
[service.facebook-pixel]
use = "facebook-pixel"
[service.youtube]
use = "youtube"
[service.google-fonts]
use = "google-fonts"
"""
VANILLA_HEAD = """<link rel="stylesheet" href="/npm/cookieconsent.css">
<script src="/npm/cookieconsent.umd.js"></script><script>
addEventListener('DOMContentLoaded', () => CookieConsent.run({hideFromBots: false,
  categories: {necessary: {enabled: true, readOnly: true}, analytics: {}, marketing: {}},
  language: {default: 'en', translations: {en: {
    consentModal: {title: 'Cookies', description: 'x',
      acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all'},
    preferencesModal: {sections: []}}}}}));
</script>"""
KLARO_HEAD = """<script>
var klaroConfig = {acceptAll: true,
  translations: {en: {purposes: {a: 'Analytics', m: 'Marketing'}}},
  services: [{name: 'ga', purposes: ['a']}, {name: 'meta', purposes: ['m']},
             {name: 'youtube', purposes: ['m']}, {name: 'fonts', purposes: ['m']}]};
</script><script defer src="/npm/klaro.js"></script>"""  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """One way to run the page, and what a visitor presses."""

    name: str
    page: str
    reject: str
    accept: str
    is_gated: bool = False


def for_vanilla() -> str:
    """Its documented markup: scripts by type and category; it has none for links, images, frames."""
    head = leak.ANALYTICS.replace("<script", '<script type="text/plain" data-category="analytics"')
    head += leak.META.replace("<script", '<script type="text/plain" data-category="marketing"')
    return leak.page(VANILLA_HEAD + leak.FONTS + head)


def for_klaro() -> str:
    """Its documented markup: ``data-name``, with ``data-src``, ``data-href`` and ``data-type``.

    The sheet's type counts: without one klaro takes the link of a later visit for active already.
    """
    kind = 'type="text/plain" data-type="application/javascript"'
    head = leak.ANALYTICS.replace("<script async src", f'<script {kind} data-name="ga" data-src')
    head = head.replace("<script>", f'<script {kind} data-name="ga">')
    head += leak.META.replace("<script>", f'<script {kind} data-name="meta">')
    fonts = re.sub(
        r'<link href=("[^"]+") rel="stylesheet">',
        r'<link type="text/plain" data-type="text/css" data-name="fonts" data-href=\1'
        r' rel="stylesheet">',
        leak.FONTS,
    )
    body = leak.YOUTUBE.replace("<iframe", '<iframe data-name="youtube"').replace(
        ' src="', ' data-src="'
    )
    body += leak.PIXEL.replace("<img src", '<img data-name="ga" data-src')
    return leak.page(KLARO_HEAD + fonts + head, body + leak.SRCSET)


def tools() -> list[Tool]:
    """Every row of the table."""
    ours = ("[data-privacy-choice=reject]", "[data-privacy-choice=accept]")
    vanilla = ("button:has-text('Reject all')", "button:has-text('Accept all')")
    notice = "#klaro-cookie-notice"  # its placeholder for the film has a button of the same class
    klaro = (f"{notice} .cn-decline", f"{notice} .cm-btn-success")
    return [
        Tool("consentgate, as pasted", leak.page(), *ours, is_gated=True),
        Tool(f"vanilla-cookieconsent {VANILLA}, as pasted", leak.page(VANILLA_HEAD + leak.HEAD), *vanilla),
        Tool(f"vanilla-cookieconsent {VANILLA}, annotated", for_vanilla(), *vanilla),
        Tool(f"klaro {KLARO}, as pasted", leak.page(KLARO_HEAD + leak.HEAD), *klaro),
        Tool(f"klaro {KLARO}, annotated", for_klaro(), *klaro),
    ]  # fmt: skip


def site(tool: Tool, files: dict[str, Path], policy: Path) -> ASGIApp:
    """The page, with the tool's files beside it, behind the gate where that is the tool."""

    async def answer(request: Request) -> Response:
        file = files.get(request.url.path.rpartition("/")[2])
        if file is not None:
            kind = "text/css" if file.suffix == ".css" else "text/javascript"
            return Response(file.read_bytes(), media_type=kind)
        return HTMLResponse(tool.page if request.url.path == "/" else "")

    app = Starlette(routes=[Route("/{rest:path}", answer)])
    return ConsentGate(app, policy=policy, development=True) if tool.is_gated else app


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(5)


def visits(
    browser: Browser, tool: Tool, base: str, parties: ThirdParties
) -> Iterator[dict[str, int]]:
    """Hits by service: on the first visit, on one after rejecting, on one after accepting.

    A choice that the next visit asks for again was never kept: that is an error, not a number.
    """

    def load(page: Page) -> None:
        page.goto(base)
        page.wait_for_load_state("load")
        settle(page)

    def settle(page: Page) -> None:
        """Until nobody has been asked for a second: a choice may load the page anew."""
        before = -1
        while before != len(parties.asked):
            before = len(parties.asked)
            page.wait_for_timeout(1_000)

    for press in ("", tool.reject, tool.accept):
        context = browser.new_context()
        page = context.new_page()
        parties.clear()
        load(page)
        if press:
            page.click(press)
            page.wait_for_timeout(1_000)  # until the page that follows has begun
            settle(page)
            parties.clear()
            load(page)
            if page.locator(press).first.is_visible():
                raise RuntimeError(f"{tool.name} did not keep what {press} chose")
        yield dict(parties.hits)
        context.close()


def installed(folder: Path) -> dict[str, Path]:
    """The two libraries' files, from npm, by name."""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run(
        [*command, f"vanilla-cookieconsent@{VANILLA}", f"klaro@{KLARO}"], check=True, timeout=180
    )
    vanilla, klaro = folder / "node_modules/vanilla-cookieconsent/dist", folder / "node_modules/klaro/dist"  # fmt: skip
    found = [vanilla / "cookieconsent.umd.js", vanilla / "cookieconsent.css", klaro / "klaro.js"]
    return {path.name: path for path in found}


def main() -> int:
    """Print the table; Chromium, npm and openssl are needed."""
    absent = [name for name in ("chromium", "npm", "openssl") if shutil.which(name) is None]
    if absent:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = folder / "consentgate.toml"
        policy.write_text(POLICY, encoding="utf-8")
        files = installed(folder)
        with third_parties(folder) as parties, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *parties.arguments]
            )
            print(f"Requests to {' / '.join(SERVICES)}\n")
            print(
                "| tool and markup | first visit | after reject | after accept |\n|---|---|---|---|"
            )
            for tool in tools():
                with serving(site(tool, files, policy)) as base:
                    cells = [
                        " / ".join(str(hits.get(service, 0)) for service in SERVICES)
                        for hits in visits(browser, tool, base, parties)
                    ]
                print(f"| {tool.name} | {' | '.join(cells)} |", flush=True)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
