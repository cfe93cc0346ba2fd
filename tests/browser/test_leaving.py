"""Leaving, in a real browser: one press from every page, and nothing of it is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.browser.site import Site, document, serving, settings, until

pytestmark = pytest.mark.browser

PATHS = {"/": document(), "/two": document(), "/far/below": document()}


@contextmanager
def visiting(chromium: Browser, app: ASGIApp, **options: Any) -> Iterator[tuple[Page, str]]:
    """A page of a fresh browser, and the address of the site."""
    with serving(app) as base:
        context = chromium.new_context(**options)
        yield context.new_page(), base
        context.close()


def is_granted(page: Page, base: str) -> bool:
    """Whether anything optional is granted to this browser now, by the server's word."""
    state = page.request.get(f"{base}/privacy-choices/state").json()
    return bool(state["purposes"]["marketing"])


@pytest.mark.requirement("WDR-01", "COL-07")
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
def test_it_takes_one_press_to_grant_and_one_to_withdraw(
    chromium: Browser, has_script: bool, position: str
) -> None:
    """On every page that comes after the grant."""
    app = Site(pages=PATHS, policy=settings(banner=position)).app()
    for path in PATHS:
        with visiting(chromium, app, java_script_enabled=has_script) as (page, base):
            page.goto(base + "/")
            page.click("[data-privacy-note] [data-privacy-choice=accept]")
            if has_script:
                page.wait_for_selector("[data-privacy-done]")
            assert is_granted(page, base)
            page.goto(base + path)
            with page.expect_navigation():
                page.click("[data-privacy-choice=withdraw]")
            assert page.url == base + path
            assert not is_granted(page, base)
            assert page.query_selector("[data-privacy-choice=withdraw]") is None


@pytest.mark.requirement("WDR-01", "WDR-11")
def test_the_page_that_was_granted_on_takes_it_back(chromium: Browser) -> None:
    """Without a page in between; the answer is a new document, in which nothing runs on."""
    with visiting(chromium, Site(pages=PATHS).app()) as (page, base):
        page.goto(base + "/")
        page.click("[data-privacy-note] [data-privacy-choice=accept]")
        page.evaluate("window.running = true")
        with page.expect_navigation():
            page.click("[data-privacy-done] [data-privacy-choice=withdraw]")
        assert page.evaluate("window.running") is None
        assert not is_granted(page, base)


def test_who_refuses_is_offered_no_withdrawal(chromium: Browser) -> None:
    """There is nothing to take back."""
    with visiting(chromium, Site(pages=PATHS).app()) as (page, base):
        page.goto(base + "/")
        page.click("[data-privacy-note] [data-privacy-choice=reject]")
        page.wait_for_selector("[data-privacy-done]")
        assert page.is_hidden("[data-privacy-choice=withdraw]")


def test_pages_that_caches_share_offer_it_to_everybody(chromium: Browser) -> None:
    """Such a page is one for all, so the press is always there."""
    app = Site(pages=PATHS, policy=settings(cache="shared")).app()
    with visiting(chromium, app) as (page, base):
        page.goto(base + "/")
        page.click("[data-privacy-note] [data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-done]")
        page.goto(base + "/two")
        with page.expect_navigation():
            page.click("[data-privacy-back] [data-privacy-choice=withdraw]")
        assert not is_granted(page, base)


def over_https(app: ASGIApp) -> ASGIApp:
    """The app as behind a proxy that ends TLS: loopback counts as secure in browsers."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "scheme": "https"}, receive, send)

    return served


FILL = """async () => {
  localStorage.setItem('own', '1');
  await (await caches.open('pages')).add('/two');
}"""
LEFT = "async () => [localStorage.length, (await caches.keys()).length]"


@pytest.mark.requirement("WDR-04")
def test_storage_is_cleared_where_the_policy_says_so(chromium: Browser) -> None:
    """All of it, a service worker's copies of older pages too; the refusal survives."""
    app = over_https(Site(pages=PATHS, policy=settings(clear_storage=True)).app())
    with visiting(chromium, app) as (page, base):
        page.goto(base + "/")
        page.click("[data-privacy-note] [data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-done]")
        page.evaluate(FILL)
        assert page.evaluate(LEFT) == [1, 1]
        with page.expect_navigation():
            page.click("[data-privacy-choice=withdraw]")
        until(page, "document.readyState === 'complete'")
        assert page.evaluate(LEFT) == [0, 0]
        names = [cookie.get("name") for cookie in page.context.cookies()]
        assert names == ["__Host-choices"]
        assert page.query_selector("[data-privacy-note]") is None


PARTITIONED = "document.cookie = '_ads1=1; Path=/; Secure; Partitioned'"


@pytest.mark.requirement("WDR-02")
def test_a_partitioned_cookie_goes_too(chromium: Browser) -> None:
    """A script set it in a partition that nobody declared."""
    app = over_https(Site(pages=PATHS).app())
    with visiting(chromium, app) as (page, base):
        page.goto(base + "/")
        page.click("[data-privacy-note] [data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-done]")
        page.evaluate(PARTITIONED)
        assert "_ads1" in [cookie.get("name") for cookie in page.context.cookies()]
        with page.expect_navigation():
            page.click("[data-privacy-choice=withdraw]")
        assert "_ads1" not in [cookie.get("name") for cookie in page.context.cookies()]
