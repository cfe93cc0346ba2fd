"""A visitor sees, downloads and erases what is held, in a browser with and without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from consentgate.domain.policy.policy import LedgerSettings, Policy
from consentgate.ledger.opening import open_ledger
from tests.browser.site import POLICY, Site, document, serving

pytestmark = [pytest.mark.browser, pytest.mark.requirement("DSR-01", "DSR-02", "DSR-07")]


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def visitor(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A page of a browser that runs scripts, and of one that does not."""
    context = chromium.new_context(
        java_script_enabled=request.param, viewport={"width": 390, "height": 844}
    )
    yield context.new_page()
    context.close()


def policy(folder: Path) -> Policy:
    """A shop whose ledger lies in a folder."""
    return replace(POLICY, ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3"))


def test_from_the_choices_page_to_an_empty_one(visitor: Page, tmp_path: Path) -> None:
    """Accept, look, download, correct, erase: nothing is left, and nothing is asked again."""
    with serving(Site(pages={"/": document()}, policy=policy(tmp_path)).app()) as base:
        visitor.goto(base + "/privacy-choices/data")
        assert visitor.query_selector("[data-privacy-held=none]")
        assert visitor.query_selector("[data-privacy-erase]") is None
        visitor.goto(base + "/")
        visitor.click("[data-privacy-choice=accept]")
        visitor.locator("[data-privacy-note]").wait_for(state="hidden")
        visitor.goto(base + "/privacy-choices")
        visitor.click("[data-privacy-data]")
        visitor.wait_for_url("**/privacy-choices/data*")
        assert visitor.locator("[data-privacy-event]").count() == 1
        assert visitor.locator("[data-privacy-enabled=ads]").count() == 1
        with visitor.expect_download() as download:
            visitor.click("[data-privacy-download]")
        held = json.loads(Path(download.value.path()).read_bytes())
        assert held["events"][0]["purposes"]["marketing"] is True
        visitor.fill("textarea", "It is Bo")
        visitor.click("[data-privacy-correct]")
        assert visitor.locator("[data-privacy-done=open]").count() == 1
        visitor.go_back()
        visitor.click("[data-privacy-erase]")
        assert visitor.locator("[data-privacy-done=answered]").count() == 1
        visitor.goto(base + "/privacy-choices/data")
        assert visitor.locator("[data-privacy-event]").count() == 0
        visitor.goto(base + "/")
        assert visitor.query_selector("[data-privacy-note]") is None
    ledger = open_ledger(f"sqlite:{tmp_path}/ledger.sqlite3")
    assert [row[2] for row in ledger.rows(0, 9)] == ["", ""]


def test_the_page_can_be_read_by_everyone(chromium: Browser, tmp_path: Path) -> None:
    """No violation in axe, in both writing directions, and no sideways scrolling."""
    context = chromium.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    with serving(Site(pages={"/": document()}, policy=policy(tmp_path)).app()) as base:
        page.goto(base + "/")
        page.click("[data-privacy-choice=accept]")
        page.locator("[data-privacy-note]").wait_for(state="hidden")
        for language in ("en", "ar"):
            page.goto(f"{base}/privacy-choices/data?lang={language}")
            assert Axe().run(page).response["violations"] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
