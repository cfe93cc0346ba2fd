"""Measures the first layer beside the best-known banners: ``python -m benchmarks.banner``.

Pinned releases come from npm into a temporary folder and stand on the same page, configured as
their documentation begins: one necessary and two optional purposes, with a way to refuse. All take
turns in every round of one run, in a real Chromium with its processor four times slower; what is
printed are medians. The machine blurs all of them alike, so read the columns as ratios.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from benchmarks.apps import POLICY
from consentgate import ConsentGate
from consentgate.formats.policy.reader import parse_policy

ROUNDS = 7
STRICT = "default-src 'self'; require-trusted-types-for 'script'"
TEXT = "We would like to count visits and to show advertising. You can refuse."
PURPOSES = ("statistics", "marketing")
_LIST = json.dumps([{"id": key, "title": key, "description": TEXT} for key in PURPOSES])
_SERVICES = json.dumps([{"name": key, "title": key, "purposes": [key]} for key in PURPOSES])
_VANILLA = {
    "hideFromBots": False,
    "categories": {"necessary": {"readOnly": True}, "statistics": {}, "marketing": {}},
    "language": {
        "default": "en",
        "translations": {
            "en": {
                "consentModal": {
                    "title": "Your choice",
                    "description": TEXT,
                    "acceptAllBtn": "Accept all",
                    "acceptNecessaryBtn": "Reject all",
                    "showPreferencesBtn": "Choose",
                },
                "preferencesModal": {"title": "Choices", "sections": []},
            }
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class Banner:
    """One banner: where it comes from, how it is put in, and what to look for."""

    name: str
    package: str = ""
    """npm name and version; empty: ours."""
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    setup: str = ""
    """A script of the site's own, before or after theirs."""
    is_setup_first: bool = False
    root: str
    reject: str


BANNERS = (
    Banner(name="consentgate", root="[data-privacy-note]", reject="[data-privacy-choice=reject]"),
    Banner(
        name="vanilla-cookieconsent 3.1.0",
        package="vanilla-cookieconsent@3.1.0",
        styles=("dist/cookieconsent.css",),
        scripts=("dist/cookieconsent.umd.js",),
        setup=f"CookieConsent.run({json.dumps(_VANILLA)});",
        root="#cc-main .cm",
        reject="#cc-main [data-role=necessary]",
    ),
    Banner(
        name="klaro 0.7.22",
        package="klaro@0.7.22",
        scripts=("dist/klaro.js",),
        setup=f"var klaroConfig = {{lang: 'en', services: {_SERVICES}, privacyPolicy: '/'}};",
        is_setup_first=True,
        root=".klaro .cookie-notice",
        reject=".klaro .cn-decline",
    ),
    Banner(
        name="orejime 3.2.1",
        package="orejime@3.2.1",
        styles=("dist/orejime-standard.css",),
        scripts=("dist/orejime-standard-en.js",),
        setup=f"window.orejimeConfig = {{purposes: {_LIST}, privacyPolicyUrl: '/'}};",
        is_setup_first=True,
        root=".orejime-Banner",
        reject=".orejime-Banner-declineButton",
    ),
    Banner(
        name="tarteaucitronjs 1.34.0",
        package="tarteaucitronjs@1.34.0",
        scripts=("tarteaucitron.min.js",),
        setup="tarteaucitron.init({privacyUrl: '', bodyPosition: 'top', orientation: 'bottom', "
        "highPrivacy: true, DenyAllCta: true, AcceptAllCta: true, showIcon: false});"
        "tarteaucitron.user.gtagUa = 'G-1'; (tarteaucitron.job = tarteaucitron.job || [])"
        ".push('gtag', 'youtube');",
        root="#tarteaucitronAlertBig",
        reject="#tarteaucitronAllDenied2",
    ),
    Banner(
        name="cookieconsent (osano) 3.1.1",
        package="cookieconsent@3.1.1",
        styles=("build/cookieconsent.min.css",),
        scripts=("build/cookieconsent.min.js",),
        setup="window.cookieconsent.initialise({type: 'opt-in', palette: "
        "{popup: {background: '#000'}, button: {background: '#f1d600'}}});",
        root=".cc-window",
        reject=".cc-window .cc-deny",
    ),
)


@dataclass
class Result:
    """What was seen of one banner."""

    visible: list[float] = field(default_factory=list)
    """Milliseconds from the start of the navigation to the first frame with the banner."""
    lag: list[float] = field(default_factory=list)
    """Milliseconds from the first contentful paint to the first frame with the banner."""
    shift: list[float] = field(default_factory=list)
    bytes: int = 0
    is_scriptless: bool = False
    hidden: int = 0
    """Of forty links, those wholly under the banner when they have focus, on a phone."""
    strict: str = ""
    clicks: str = ""


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head><body>
<header><a href="#top">Shop</a></header><main id="top"><h1>Shop</h1>{links}</main></body></html>"""
LINKS = "".join(f'<p><a class="link" href="#l{n}" id="l{n}">Link {n}</a></p>' for n in range(40))
WATCH = """window.shift = 0; window.firstSeen = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))
  .observe({type: 'layout-shift', buffered: true});
window.isSeen = () => {
  const el = document.querySelector(ROOT);
  if (!el) return false;
  const box = el.getBoundingClientRect();
  let opacity = 1, shown = getComputedStyle(el).visibility === 'visible';
  for (let up = el; up; up = up.parentElement) opacity *= getComputedStyle(up).opacity;
  return shown && opacity > 0.95 && box.height > 30 && box.top < innerHeight && box.bottom > 0;
};
requestAnimationFrame(function look(now) {
  if (isSeen()) firstSeen = now; else requestAnimationFrame(look);
});"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
IS_HIDDEN = """() => {
  const el = document.activeElement, box = el.getBoundingClientRect();
  const points = [[.5, .5], [.05, .1], [.95, .1], [.05, .9], [.95, .9]];
  return el.className === 'link' && !points.some(([x, y]) => {
    const hit = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
    return hit && (el.contains(hit) || hit.contains(el));
  });
}"""


def fetch(banner: Banner, folder: Path) -> Path:
    """Unpack a pinned release."""
    done = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(folder), banner.package],
        check=True,
        capture_output=True,
        text=True,
    )
    target = folder / banner.package.partition("@")[0]
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def peer_app(banner: Banner, release: Path) -> ASGIApp:
    """The page with a peer's tags in it, as its documentation says."""
    setup = '<script defer src="/setup.js"></script>'
    styles = [f'<link rel="stylesheet" href="/npm/{path}">' for path in banner.styles]
    scripts = [f'<script defer src="/npm/{path}"></script>' for path in banner.scripts]
    order = [setup, *scripts] if banner.is_setup_first else [*scripts, setup]
    page = PAGE.format(head="".join([*styles, *order]), links=LINKS)

    async def home(request: Request) -> Response:
        headers = {"content-security-policy": STRICT} if "strict" in request.query_params else {}
        return HTMLResponse(page, headers=headers)

    async def script(request: Request) -> Response:
        return Response(banner.setup, media_type="text/javascript")

    return Starlette(
        routes=[
            Route("/", home),
            Route("/setup.js", script),
            Mount("/npm", StaticFiles(directory=release)),
        ]
    )


def own_app() -> ASGIApp:
    """The same page behind the gate."""

    async def home(request: Request) -> Response:
        headers = {"content-security-policy": STRICT} if "strict" in request.query_params else {}
        return HTMLResponse(PAGE.format(head="", links=LINKS), headers=headers)

    text = POLICY + '[ledger]\nurl = "memory:"\n[log]\ndirectory = ""\naccess_log = "leave"\n'
    return ConsentGate(
        Starlette(routes=[Route("/", home)]), policy=parse_policy(text), development=True
    )


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of loopback; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(5)


@contextmanager
def visiting(browser: Browser, banner: Banner, **options: Any) -> Iterator[Page]:
    """A page of a new visitor, watched from its first frame."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.add_init_script(WATCH.replace("ROOT", json.dumps(banner.root)))
    yield page
    context.close()


def seen(page: Page, seconds: float = 6) -> bool:
    """Wait for the banner; Playwright's own way would need ``unsafe-eval``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if page.evaluate("isSeen()"):
            return True
        page.wait_for_timeout(50)
    return False


def time_it(browser: Browser, banner: Banner, address: str, result: Result) -> None:
    """One timed visit."""
    with visiting(browser, banner) as page:
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(address)
        if seen(page, 15):
            page.wait_for_timeout(100)
            lag = page.evaluate(f"firstSeen - {FIRST_PAINT}")
            result.visible.append(page.evaluate("firstSeen"))
            result.lag.append(max(0.0, lag))
            result.shift.append(page.evaluate("shift"))


def look_at(browser: Browser, banner: Banner, address: str, result: Result) -> None:
    """Everything that needs no clock."""
    with visiting(browser, banner) as page:
        bodies: dict[str, bytes] = {}
        page.on("response", lambda got: _keep(got, bodies))
        page.goto(address)
        seen(page)
        page.wait_for_load_state("networkidle")
        result.bytes = sum(len(gzip.compress(body, 9)) for body in bodies.values())
        result.clicks = _clicks(page, banner)
    with visiting(browser, banner, java_script_enabled=False) as page:
        page.goto(address)
        found = page.query_selector(banner.root)
        result.is_scriptless = found is not None and found.is_visible()
    with visiting(browser, banner, viewport={"width": 390, "height": 844}) as page:
        page.goto(address)
        seen(page)
        page.focus("#l0")
        for _ in range(40):
            result.hidden += page.evaluate(IS_HIDDEN)
            page.keyboard.press("Tab")
    with visiting(browser, banner) as page:
        page.add_init_script(
            "window.broken = 0; addEventListener('securitypolicyviolation', () => { broken++; });"
        )
        page.goto(address + "?strict")
        result.strict = "works" if seen(page, 4) else "nothing"
        broken = page.evaluate("broken")
        result.strict += f" ({broken} blocked)" if broken else ""


def _keep(got: Any, bodies: dict[str, bytes]) -> None:
    if got.request.resource_type in ("script", "stylesheet") and got.ok:
        bodies[got.url] = got.body()


def _clicks(page: Page, banner: Banner) -> str:
    if not page.query_selector(banner.reject):
        return "no way"
    page.click(banner.reject)
    page.wait_for_timeout(1_500)
    return "1" if not page.evaluate("isSeen()") else "more"


COLUMNS = (
    "",
    "visible, ms",
    "after first paint, ms",
    "layout shift",
    "without JavaScript",
    "links hidden of 40, phone",
    "strict CSP and Trusted Types",
    "clicks to refuse",
    "script and style, gzip -9",
)


def show(results: dict[str, Result]) -> None:
    """Print the table in Markdown."""
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|" + "--:|" * (len(COLUMNS) - 1))
    for name, one in results.items():
        cells = (
            f"{statistics.median(one.visible):.0f}" if one.visible else "never",
            f"{statistics.median(one.lag):.0f}" if one.lag else "never",
            f"{max(one.shift, default=0):.3f}",
            "works" if one.is_scriptless else "nothing",
            str(one.hidden),
            one.strict,
            one.clicks,
            f"{one.bytes:,}",
        )
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> int:
    """Fetch, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="timed visits of each")
    rounds = parser.parse_args().rounds
    chromium = shutil.which("chromium")
    if chromium is None or shutil.which("npm") is None:
        print("benchmarks.banner: needs chromium and npm; install them", file=sys.stderr)
        return 2
    logging.getLogger("consentgate").setLevel(logging.CRITICAL)
    results = {banner.name: Result() for banner in BANNERS}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        apps = [
            peer_app(banner, fetch(banner, Path(folder))) if banner.package else own_app()
            for banner in BANNERS
        ]
        for turn in range(rounds + 1):
            for banner, app in zip(BANNERS, apps, strict=True):
                with serving(app) as address:
                    if turn:
                        time_it(browser, banner, address, results[banner.name])
                    else:
                        look_at(browser, banner, address, results[banner.name])
        browser.close()
    show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
