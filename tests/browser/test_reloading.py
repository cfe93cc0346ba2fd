"""Under the default policy a choice brings back what it permits, with one new page and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentgate import ConsentGate
from consentgate.domain.policy.policy import RegimeSettings, SiteSettings
from tests.browser.site import Site, document, serving, settings
from tests.browser.test_placeholders import FILM, PAGES

pytestmark = pytest.mark.browser

BODY = document(
    f"<p>{FILM.format('')}</p>"
    '<script data-service="ads">(window.ran = window.ran || []).push("inline");</script>'
    '<script data-service="ads" src="/ads.js"></script>'
)
WRITER = document('<script data-service="ads">document.write("<p id=written>written</p>")</script>')
REFUSE = """async () => {
  const body = new URLSearchParams({choice: 'reject', source: 'api'});
  await fetch('/privacy-choices', {method: 'POST', headers: {accept: 'application/json'}, body});
  await privacyChoices.refresh();
}"""
LONG_ENOUGH_MS = 1_000
"""In which a loop loads a page many times."""


def site(home: str = BODY, **changes: object) -> Site:
    """A site as the defaults make it: ``csp`` is not named."""
    policy = settings(csp=SiteSettings().csp, **changes)
    scripts = {"/ads.js": "window.ran.push('ads');"}
    return Site(pages={**PAGES, "/": home}, scripts=scripts, headers={}, policy=policy)


@contextmanager
def visiting(
    chromium: Browser, site: Site, *, has_script: bool = True
) -> Iterator[tuple[Page, BrowserContext, list[str]]]:
    """A new visitor's page, the jar, and the method of every request for a document."""
    context = chromium.new_context(java_script_enabled=has_script)
    page = context.new_page()
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            asked.append(request.method)
            if request.is_navigation_request() and request.frame == page.main_frame
            else None
        ),
    )
    with serving(site.app()) as base:
        page.goto(base + "/")
        try:
            yield page, context, asked
        finally:
            context.close()


@pytest.mark.requirement("COL-24")
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize(("span", "kept"), [("once", "choices_once"), ("always", "choices")])
def test_a_placeholder_loads_its_frame(
    chromium: Browser, span: str, kept: str, has_script: bool
) -> None:
    """The frame is there after one more page; the second policy that stood in its way is gone."""
    with visiting(chromium, site(), has_script=has_script) as (page, context, asked):
        page.locator(f"[value={span}]").click()
        page.frame_locator("iframe").locator("text=film").wait_for()
        page.wait_for_timeout(LONG_ENOUGH_MS)
        assert asked == (["GET", "GET"] if has_script else ["GET", "POST", "GET"])
        assert page.locator("[data-privacy-hold]").count() == 0
        assert [cookie["name"] for cookie in context.cookies()] == [kept]
        assert page.locator("script[src='/ads.js'][type='text/plain']").count() == 0
        assert page.locator("script[data-privacy-src='/ads.js']").count() == 1


@pytest.mark.requirement("STO-07")
def test_accepting_brings_back_scripts(chromium: Browser) -> None:
    """Each runs once, in its order, on the one page that follows."""
    with visiting(chromium, site()) as (page, _, asked):
        page.click("[data-privacy-choice=accept]")
        page.wait_for_function("window.ran && ran.length === 2")
        page.wait_for_timeout(LONG_ENOUGH_MS)
        assert asked == ["GET", "GET"]
        assert page.evaluate("ran") == ["inline", "ads"]


@pytest.mark.parametrize("cache", ["per-visitor", "shared"])
@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_a_choice_does_not_send_a_form_again(chromium: Browser, answer: str, cache: str) -> None:
    """The page after a purchase stays as it is; the next one follows the choice."""
    ordered: list[bytes] = []

    async def order(request: Request) -> Response:
        ordered.append(await request.body())
        return HTMLResponse(BODY)

    async def shop(request: Request) -> Response:
        return HTMLResponse(document("<form method=post><button id=buy>Buy</button></form>"))

    policy = settings(csp="enforce", cache=cache)
    policy = replace(policy, regimes=RegimeSettings(fixed="opt-out" if answer == "reject" else ""))
    routes = [Route("/", shop), Route("/", order, methods=["POST"])]
    gate = ConsentGate(Starlette(routes=routes), policy=policy, development=True)
    page = chromium.new_page()
    with serving(gate) as base:
        page.goto(base + "/")
        page.click("#buy")
        page.wait_for_function("window.privacyChoices && privacyChoices.state")
        if answer == "reject":
            page.evaluate(REFUSE)
        else:
            page.click("[data-privacy-choice=accept]")
        page.wait_for_function(
            f"privacyChoices.allows('ads') === {str(answer == 'accept').lower()}"
        )
        page.wait_for_timeout(LONG_ENOUGH_MS)
        assert len(ordered) == 1
        page.goto(base + "/")
        page.wait_for_function("window.privacyChoices && privacyChoices.state")
        assert page.evaluate("privacyChoices.allows('ads')") is (answer == "accept")
    page.close()


def test_a_shared_page_that_writes_is_not_loaded_for_ever(chromium: Browser) -> None:
    """A cache gives the same page again: what cannot run late stays held, the rest comes back."""
    home = WRITER.replace("</main>", '<script data-service="ads" src="/ads.js"></script></main>')
    home = home.replace("<head>", "<head><script>window.ran = []</script>")
    with visiting(chromium, site(home, cache="shared")) as (page, _, asked):
        page.click("[data-privacy-choice=accept]")
        page.wait_for_function("ran.includes('ads')")
        page.wait_for_timeout(LONG_ENOUGH_MS)
        assert asked == ["GET"]
        assert page.locator("#written").count() == 0
