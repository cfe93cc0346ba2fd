"""What each mode holds of what scripts of the site do: the table in docs/beacons.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.leak_site import ThirdParties, third_parties
from consentgate.domain.policy.policy import HostPattern, Service
from tests.browser.conftest import ARGUMENTS
from tests.browser.site import POLICY, Site, document, serving
from tests.programs import needed

pytestmark = [pytest.mark.browser, pytest.mark.requirement("STO-05")]

DOCS = Path(__file__).parents[2] / "docs" / "beacons.md"
IMAGE = "<img src=https://ads.example/{0}>"
# Row of the table to the script of the site that does it
WAYS = {
    "a bundle of the site that loads a tag": "document.head.append(Object.assign("
    "document.createElement('script'), {src: 'https://ads.example/bundle'}))",
    "`document.write`": f"document.write('{IMAGE.format('write')}')",
    "JSON, SSE or a message put in as HTML": "fetch('/data').then((r) => r.json()).then((d) =>"
    " { document.body.insertAdjacentHTML('beforeend', d.html); })",
    "a style sheet made by a script": "const s = new CSSStyleSheet(); s.replaceSync("
    "'body{background:url(https://ads.example/sheet)}'); document.adoptedStyleSheets = [s]",
    "`about:blank` frames": "const f = document.createElement('iframe'); document.body.append(f);"
    f" f.contentDocument.body.innerHTML = '{IMAGE.format('blank')}'",
    "`blob:` frames": "const f = document.createElement('iframe'); f.src = URL.createObjectURL("
    f"new Blob(['{IMAGE.format('blob')}'], {{type: 'text/html'}})); document.body.append(f)",
    "WebSockets": "new WebSocket('wss://ads.example/socket')",
}
HELD, LEAKS = "held", "not held"
MODES = ("enforce", "report-only", "off")


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThirdParties]:
    """The counting stand-ins."""
    needed("openssl")
    with third_parties(tmp_path_factory.mktemp("third")) as running:
        yield running


@pytest.fixture(scope="module")
def page(parties: ThirdParties, chromium: Browser) -> Iterator[Page]:
    """A visitor whose browser takes the stand-ins for the real ones."""
    browser = chromium.browser_type.launch(
        executable_path=needed("chromium"), args=[*ARGUMENTS, *parties.arguments]
    )
    yield browser.new_context(ignore_https_errors=True).new_page()
    browser.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_holds_what_the_table_says(page: Page, parties: ThirdParties, mode: str) -> None:
    """Only the enforced policy holds what a script of the site makes, and the table says so."""
    ads = Service(key="ads", purposes=("marketing",), hosts=(HostPattern(host="ads.example"),))
    policy = replace(POLICY, services=(ads,), site=replace(POLICY.site, csp=mode))
    names = [f"/{number}.js" for number, _ in enumerate(WAYS)]
    site = Site(
        pages={
            name.replace(".js", ""): document(f'<script src="{name}"></script>') for name in names
        },
        scripts=dict(zip(names, WAYS.values(), strict=True)),
        typed={"/data": ("application/json", f'{{"html": "{IMAGE.format("json")}"}}')},
        headers={},
        policy=policy,
    )
    table = DOCS.read_text(encoding="utf-8")
    with serving(site.app()) as base:
        for way, name in zip(WAYS, names, strict=True):
            parties.clear()
            page.goto(base + name.removesuffix(".js"))
            page.wait_for_timeout(500)
            expected = HELD if mode == "enforce" else LEAKS
            assert (HELD if not parties.asked else LEAKS) == expected, way
            assert f"| {way} | {HELD} | {LEAKS} | {LEAKS} |" in table
