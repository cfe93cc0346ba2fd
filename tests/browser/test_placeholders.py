"""Click to load in a real browser: the frame's place, its form without JavaScript, focus, axe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import STRICT, Site, document, serving, until
from tests.browser.test_first_layer import problems

pytestmark = [pytest.mark.browser, pytest.mark.requirement("COL-24")]

# A frame of the site's own stands in for another's: which service it is, its author says.
FILM = '<iframe data-service="film" src="/film" title="A film" {}></iframe>'
BODY = document(
    "<h2>Films</h2><p id=p>before "
    + FILM.format('width="480" height="270" frameborder="0"')
    + " after</p><p>"
    + FILM.format('width="300" height="200"')
    + "</p><form action=/x><label>Name <input></label>"
    + FILM.format("")
    + "</form><div>"
    + FILM.format('style="width:100%;aspect-ratio:16/9;border:0"')
    + "</div><p id=end>The end</p>"
)
PAGES = {"/": BODY, "/film": "<!doctype html><title>film</title><p>film"}
PLACES = (
    "[...document.querySelectorAll('h2,p[id],label')].map((e) => e.getBoundingClientRect().top)"
)
SHIFTS = "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => { shifts += e.value; })).observe({type: 'layout-shift', buffered: true});"


def site(policy: str = "", language: str = "en", direction: str = "ltr") -> Site:
    """The films behind a gate, with the page's own Content-Security-Policy."""
    home = BODY.replace('lang="en" dir="ltr"', f'lang="{language}" dir="{direction}"')
    headers = {"content-security-policy": policy} if policy else {}
    return Site(pages={**PAGES, "/": home}, headers=headers)


@pytest.fixture(params=[{}, {"viewport": {"width": 390, "height": 844}}], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A new visitor's page."""
    context = chromium.new_context(**request.param)
    page = context.new_page()
    page.add_init_script(SHIFTS)
    yield page
    context.close()


def test_nothing_moves_when_the_frame_comes(page: Page) -> None:
    """A placeholder takes exactly its frame's place, inside the paragraph that holds it."""
    with serving(site().app()) as base:
        page.goto(base + "/")
        page.click("[data-privacy-choice=reject]")
        page.wait_for_selector("[data-privacy-done]")
        page.goto(base + "/")
        assert page.locator("object[data-privacy-hold]").count() == 4
        assert page.evaluate("document.querySelector('#p object').parentElement.id") == "p"
        assert page.evaluate("shifts") == 0
        held = page.evaluate(PLACES)
        page.locator("[value=always]").first.click()
        page.locator("iframe").last.wait_for(state="visible")
        assert page.locator("[data-privacy-hold]").count() == 0
        assert page.evaluate(PLACES) == held


@pytest.mark.parametrize("policy", ["", STRICT], ids=["no policy", "strict policy"])
def test_it_is_usable_by_everyone(page: Page, policy: str) -> None:
    """axe finds nothing; each has a name, and the keyboard reaches both buttons."""
    with serving(site(policy).app()) as base:
        page.goto(base + "/")
        assert page.locator(".pc-hold").first.bounding_box()["height"] == 270  # type: ignore[index]
        assert problems(page) == []
        group = page.get_by_role("group", name="Filmbox is not loaded: A film")
        assert group.count() == 4
        page.get_by_role("button", name="Load once").first.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.value") == "always"


def test_from_right_to_left(page: Page) -> None:
    """In a page of such a language, and axe finds nothing there either."""
    with serving(site(language="ar", direction="rtl").app()) as base:
        page.goto(base + "/")
        assert page.locator(".pc-hold[dir=rtl][lang=ar]").count() == 4
        assert problems(page) == []


@pytest.mark.parametrize("span", ["once", "always"])
def test_pressing_it_loads_in_place_and_gives_focus(chromium: Browser, span: str) -> None:
    """The frame right behind it, without a reload; no violation of a strict policy."""
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script(
        "window.seen = []; document.addEventListener('securitypolicyviolation', (e) => seen.push(e.violatedDirective));"
    )
    home = document("<p>" + FILM.format("") + "</p><p>" + FILM.format("id=second") + "</p>")
    plain = Site(pages={**PAGES, "/": home}, headers={"content-security-policy": STRICT})
    with serving(plain.app()) as base:
        page.goto(base + "/")
        until(page, "window.privacyChoices")
        page.evaluate("window.same = true")
        page.locator(f"[value={span}]").nth(1).click()
        page.frame_locator("#second").locator("text=film").wait_for()
        until(page, "document.activeElement.id === 'second'")
        assert page.evaluate("[same, seen]") == [True, []]
        assert page.locator("[data-privacy-hold]").count() == 0
        names = {cookie["name"] for cookie in context.cookies(base)}
        assert names == {"choices_once" if span == "once" else "choices"}
    context.close()


@pytest.mark.requirement("COL-15")
@pytest.mark.parametrize("span", ["once", "always"])
def test_without_javascript_the_page_comes_back_with_it(chromium: Browser, span: str) -> None:
    """One press, one 303, and the frame is there; nothing else is granted."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    with serving(site().app()) as base:
        page.goto(base + "/")
        page.locator(f"[value={span}]").first.click()
        assert page.url == base + "/"
        assert page.locator("iframe[src='/film']").count() == 4
        assert page.locator("[data-privacy-note]").count() == 1
    context.close()


def test_what_waits_for_two_comes_alive_with_both(chromium: Browser) -> None:
    """One of two services, or a service without its purpose, is not enough."""
    both = '<iframe data-service="film ads" src="/film" title="x"></iframe>'
    mixed = '<iframe data-service="film" data-purpose="marketing" src="/film" title="y"></iframe>'
    context = chromium.new_context()
    page = context.new_page()
    with serving(Site(pages={**PAGES, "/": document(both + mixed)}).app()) as base:
        page.goto(base + "/")
        until(page, "window.privacyChoices")
        ask: Any = """async (services) => {
          const {notice} = await (await fetch('/privacy-choices/state')).json();
          const headers = {'content-type': 'application/json'};
          await fetch('/privacy-choices', {method: 'POST', headers,
            body: JSON.stringify({choice: 'service', services, notice})});
          await privacyChoices.refresh();
        }"""
        page.evaluate(ask, {"film": True})
        assert page.locator("iframe[src]").count() == 0
        page.evaluate(ask, {"ads": True})
        page.wait_for_selector("iframe[title=x][src]", state="attached")
        assert page.locator("iframe[title=y][src]").count() == 0
    context.close()
