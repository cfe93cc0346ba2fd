"""The disclosure, the earlier notices and the announcement in a real browser: by axe and by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from consentgate.domain.policy.policy import Announcement
from tests.browser.site import OPT_OUT, POLICY, Site, document, serving
from tests.browser.test_first_layer import VIEWS, problems

pytestmark = pytest.mark.browser

NEWS = Announcement(effective=dt.date(2999, 1, 1), summary="We will show other adverts.")
ANNOUNCED = replace(POLICY, announces=NEWS)
STRIP = "section[data-privacy-news]"


def site(**changes: object) -> Site:
    return Site(pages={"/": document(), "/two": document()}, policy=ANNOUNCED, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.requirement("COL-15")
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(chromium: Browser, view: str) -> None:
    """Disclosure and list of notices left and right to left, the strip above the first layer."""
    with serving(site(headers={}).app()) as base:
        context = chromium.new_context(**VIEWS[view])
        page = context.new_page()
        for path in ("/", "/privacy-choices/disclosure", "/privacy-choices/notices?lang=de"):
            page.goto(base + path)
            assert problems(page) == [], path
        page.goto(base + "/privacy-choices/disclosure?lang=ar")
        assert problems(page) == []
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
        context.close()


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_announcement_is_closed_by_one_press(chromium: Browser, script: bool) -> None:
    """One leads back to the page one was on, it stays away, and the question is still there."""
    with serving(site().app()) as base:
        context = chromium.new_context(java_script_enabled=script)
        page = context.new_page()
        page.goto(base + "/two")
        page.click(f"{STRIP} button")
        page.wait_for_selector(STRIP, state="detached")
        assert page.url == base + "/two"
        page.goto(base + "/")
        assert page.query_selector(STRIP) is None
        assert page.query_selector("[data-privacy-note]") is not None
        (kept,) = context.cookies()
        assert (kept["name"], kept["value"]) == ("choices-news", NEWS.mark)
        context.close()


def test_the_disclosure_is_one_press_away_and_back(chromium: Browser) -> None:
    """From the first layer without JavaScript, to the choices, to an earlier notice."""
    with serving(site(regime=OPT_OUT).app()) as base:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(base + "/")
        page.click(f"{STRIP} a")
        assert page.inner_text("[data-privacy-answer=gpc]").startswith("If your browser sends")
        page.click("footer a[href*=notices]")
        page.click("main li a >> nth=0")
        assert "in force since 2026-11-01" in page.inner_text("body")
        context.close()
