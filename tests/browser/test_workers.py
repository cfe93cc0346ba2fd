"""What runs or is shown apart from any page of HTML keeps to the visitor's choice, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.leak_site import ThirdParties, third_parties
from consentgate.domain.policy.policy import HostPattern, Policy, Service
from tests.browser.conftest import ARGUMENTS
from tests.browser.site import POLICY, Site, document, serving, until
from tests.programs import needed

pytestmark = [pytest.mark.browser, pytest.mark.requirement("STO-05", "STO-14")]

ASK = "fetch('https://ads.example/from-{0}', {{mode: 'no-cors'}}).catch(() => {{}})"
WORKER = ASK.format("worker") + ".then(() => postMessage('done'))"
SHARED = (
    "onconnect = (e) => " + ASK.format("shared") + ".then(() => e.ports[0].postMessage('done'))"
)
SERVICE = (
    "addEventListener('install', () => skipWaiting());"
    "addEventListener('activate', (e) => e.waitUntil(clients.claim()));"
    "addEventListener('message', (e) => " + ASK.format("service") + ")"
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">'
    '<image href="https://ads.example/from-drawing.png" width="9" height="9"/>'
    "<script>new Image().src = 'https://ads.example/from-drawing.js'</script></svg>"
)
XHTML = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title>'
    '<script src="https://ads.example/from-xhtml.js"></script></head><body></body></html>'
)
FEED = (
    '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="/feed.xsl"?><feed><a>b</a></feed>'
)
SHEET = (
    '<?xml version="1.0"?><xsl:stylesheet version="1.0"'
    ' xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><html><body>'
    '<img src="https://ads.example/from-feed.png"/></body></html></xsl:template></xsl:stylesheet>'
)
STYLED = (
    '<?xml version="1.0"?><?xml-stylesheet type="text/css" href="https://ads.example/from-styled.css"?>'
    "<a>b</a>"
)
START = {
    "worker": "new Promise((done) => { new Worker('/worker.js').onmessage = done; }).then(() => 1)",
    "shared": "new Promise((done) => { new SharedWorker('/shared.js').port.onmessage = done; })"
    ".then(() => 1)",
    "service": "navigator.serviceWorker.register('/service.js').then(() =>"
    " navigator.serviceWorker.ready).then((one) => one.update()).then(() =>"
    " new Promise((done) => setTimeout(done, 800))).then(() =>"  # a new one takes over
    " navigator.serviceWorker.ready).then(({active}) => active.postMessage(1)).then(() => 1)",
}
OPENED = {
    "drawing": ("/a.svg", "image/svg+xml", DRAWING),
    "XHTML as XML": ("/page.xml", "application/xml", XHTML),
    "XML with a transformation": ("/feed.xml", "text/xml", FEED),
    "XML with a style sheet": ("/styled.xml", "application/atom+xml", STYLED),
}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThirdParties]:
    """The counting stand-ins."""
    needed("openssl")
    with third_parties(tmp_path_factory.mktemp("third")) as running:
        yield running


@pytest.fixture
def page(parties: ThirdParties, chromium: Browser) -> Iterator[Page]:
    """A new visitor, whose browser takes the stand-ins for the real ones."""
    browser = chromium.browser_type.launch(
        executable_path=needed("chromium"), args=[*ARGUMENTS, *parties.arguments]
    )
    parties.clear()
    yield browser.new_context(ignore_https_errors=True).new_page()
    browser.close()


def policy(csp: str = "enforce") -> Policy:
    """One service of marketing."""
    ads = Service(key="ads", purposes=("marketing",), hosts=(HostPattern(host="ads.example"),))
    return replace(POLICY, services=(ads,), site=replace(POLICY.site, csp=csp))


def site(csp: str = "enforce") -> Site:
    """A page, and programs that ask the service."""
    scripts = {"/worker.js": WORKER, "/shared.js": SHARED, "/service.js": SERVICE}
    return Site(pages={"/": document()}, scripts=scripts, headers={}, policy=policy(csp))


@pytest.mark.parametrize("kind", START)
def test_a_worker_has_the_policy_of_its_visitor(
    page: Page, parties: ThirdParties, kind: str
) -> None:
    """It reaches nobody before the grant, and whom the visitor granted after it."""
    with serving(site().app()) as base:
        page.goto(base + "/")
        assert page.evaluate(START[kind])
        page.wait_for_timeout(600)
        assert parties.asked == []
        page.click("[data-privacy-choice=accept]")
        until(page, "window.privacyChoices && privacyChoices.allows('ads')")
        page.reload()  # the policy that came with a page cannot be loosened
        assert page.evaluate(START[kind])
        page.wait_for_timeout(600)
        assert [asked for asked in parties.asked if f"from-{kind}" in asked]


@pytest.mark.parametrize("name", OPENED)
def test_a_document_that_is_no_html_is_under_the_policy(
    page: Page, parties: ThirdParties, name: str
) -> None:
    """Opened by itself or in a frame, in every mode, it reaches nobody."""
    path, media_type, text = OPENED[name]
    for csp in ("enforce", "off"):
        here = site(csp)
        here.typed = {path: (media_type, text), "/feed.xsl": ("text/xsl", SHEET)}
        here.pages["/framed"] = document(f'<iframe src="{path}"></iframe>')
        with serving(here.app()) as base:
            for opened in (path, "/framed"):
                page.goto(base + opened)
                page.wait_for_timeout(400)
                assert parties.asked == [], (csp, opened)
