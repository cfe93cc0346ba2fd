"""What scanners find before consent on a page with 60 trackers: ``python -m benchmarks.scanners``.

The page names 60 hosts of the table of third parties that ships, none of them declared: scripts,
pixels, frames, style sheets and connections opened ahead. consentcrawl (PyPI) and
gdpr-cookie-scanner (npm) are installed into a temporary folder, and visit the page without the gate
and behind it. Both list what a page *tries* to load. Chromium, npm and openssl are needed;
every host resolves to one counting stand-in on loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from benchmarks.leaks import serving
from benchmarks.standing.parties import Parties, parties
from benchmarks.standing.site import Mode, policy_of
from consentgate import ConsentGate

CONSENTCRAWL, SCANNER = "0.1.4", "3.8.2"
TRACKERS = 60
_WANTED = ("marketing", "statistics")
_TAGS = (
    '<script async src="https://{0}/tag.js"></script>',
    '<img src="https://{0}/pixel.gif" alt="" width="1" height="1">',
    '<iframe src="https://{0}/frame"></iframe>',
    '<link rel="preconnect" href="https://{0}"><link rel="stylesheet" href="https://{0}/a.css">',
    "<script>var s = document.createElement('script'); s.src = 'https://{0}/in.js';"
    " document.head.append(s)</script>",
)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--ignore-certificate-errors"]
_CRAWL = """
import asyncio, json, sys
from consentcrawl.crawl import crawl_single
url, path, *arguments = sys.argv[1:]
config = {"executable_path": path, "args": arguments, "headless": True}
print("FOUND " + json.dumps(asyncio.run(crawl_single(url, browser_config=config))))
"""
_LAUNCH = """
const { chromium } = require('playwright');
const launch = chromium.launch.bind(chromium);
const [executablePath, ...more] = JSON.parse(process.env.SCANNED_BY);
chromium.launch = (options) =>
  launch({ ...options, executablePath, args: [...options.args, ...more] });
"""


def trackers() -> list[str]:
    """Hosts of the third parties that sites meet most, of those that count visits or advertise."""
    text = (files("consentgate") / "data" / "third_parties.json").read_text(encoding="utf-8")
    known = json.loads(text)["parties"]
    hosts = (names.split()[0] for _, purpose, names in known if purpose in _WANTED and names)
    return list(islice((host.replace("*.", "www.") for host in hosts), TRACKERS))


def page() -> str:
    """The demo's page, with one tag for each tracker."""
    tags = "\n".join(tag.format(host) for tag, host in zip(cycle(_TAGS), trackers(), strict=False))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Teapots</title></head>'
        f"<body><h1>Teapots</h1>{tags}</body></html>"
    )


def site(*, is_gated: bool) -> ASGIApp:
    """The page at ``/``, behind the gate with a policy that declares nobody."""

    async def answer(request: Request) -> HTMLResponse:
        return HTMLResponse(page() if request.url.path == "/" else "")

    app = Starlette(routes=[Route("/{rest:path}", answer)])
    if not is_gated:
        return app
    return ConsentGate(app, policy=policy_of([], Mode("enforce", "per-visitor")), development=True)


def crawled(folder: Path, url: str, browser: list[str]) -> list[str]:
    """Third parties that consentcrawl lists before consent."""
    command = [sys.executable, "-c", _CRAWL, url, *browser]
    environment = {**os.environ, "PYTHONPATH": str(folder / "python")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    if not lines:
        raise RuntimeError(f"consentcrawl gave nothing: {done.stderr[-400:]}")
    found = json.loads(lines[0].removeprefix("FOUND "))
    if found["status"] != "success":
        raise RuntimeError(f"consentcrawl: {found['status_msg']}")
    return sorted(found["third_party_domains_no_consent"])


def scanned(folder: Path, url: str, browser: list[str]) -> list[str]:
    """Third parties that gdpr-cookie-scanner lists before any interaction."""
    (folder / "launch.cjs").write_text(_LAUNCH, encoding="utf-8")
    program = folder / "node_modules/@slashgear/gdpr-cookie-scanner/dist/cli.js"
    command = ["node", "-r", "./launch.cjs", str(program), "scan", url, "-f", "json", "-o", "found"]
    shutil.rmtree(folder / "found", ignore_errors=True)
    environment = {**os.environ, "SCANNED_BY": json.dumps(browser)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    reports = list((folder / "found").rglob("*.json"))
    if not reports:
        raise RuntimeError(
            f"gdpr-cookie-scanner gave nothing: {(done.stdout + done.stderr)[-400:]}"
        )
    found = json.loads(reports[0].read_text(encoding="utf-8"))
    requests = found["networkBeforeInteraction"]
    return sorted({one["url"].split("/")[2] for one in requests if one["isThirdParty"]})


def installed(folder: Path) -> None:
    """Put both scanners into the folder; they use the browser that is there."""
    quiet = {**os.environ, "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run(
        [*npm, f"@slashgear/gdpr-cookie-scanner@{SCANNER}"], check=True, env=quiet, timeout=240
    )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "python")]
    subprocess.run([*pip, f"consentcrawl=={CONSENTCRAWL}"], check=True, timeout=240)


def rows(folder: Path, running: Parties) -> Iterator[str]:
    """A line of the table for each scanner and site: listed, arrived, connections opened."""
    rules = f"MAP * 127.0.0.1:{running.port}, EXCLUDE 127.0.0.1"
    browser = [shutil.which("chromium") or "", *_ARGUMENTS, f"--host-resolver-rules={rules}"]
    scanners = (
        (f"consentcrawl {CONSENTCRAWL}", crawled),
        (f"gdpr-cookie-scanner {SCANNER}", scanned),
    )
    for name, scan in scanners:
        for is_gated in (False, True):
            with serving(site(is_gated=is_gated)) as base:
                running.clear()
                listed = scan(folder, base, browser)
            gate = "behind the gate" if is_gated else "without the gate"
            counts = (len(listed), len(set(running.asked)), len(set(running.shaken)))
            yield f"| {name}, {gate} | " + " | ".join(map(str, counts)) + " |"


def main() -> int:
    """Print the table."""
    absent = [name for name in ("chromium", "npm", "openssl") if shutil.which(name) is None]
    if absent:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        installed(folder)
        print(f"| {TRACKERS} trackers | third parties listed | requests arrived | connections |")
        print("|---|--:|--:|--:|", flush=True)
        with parties(folder) as running:
            for row in rows(folder, running):
                print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
