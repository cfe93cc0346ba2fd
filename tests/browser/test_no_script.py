"""With JavaScript off every choice is made, changed and taken back (invariant 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import NOTICE, OPT_OUT, Site, document, serving, settings
from tests.browser.test_restore import HOLD, held

pytestmark = [pytest.mark.browser, pytest.mark.requirement("COL-15")]


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Page]:
    """A page of a browser without JavaScript, the size of a phone."""
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    yield context.new_page()
    context.close()


def granted(page: Page) -> list[str]:
    """The boxes that the choices page shows as ticked."""
    return [
        str(box.get_attribute("value"))
        for box in page.query_selector_all("input[type=checkbox]")
        if box.is_checked()
    ]


def site(**changes: Any) -> Site:
    """A site of two pages."""
    return Site(pages={"/": document(), "/two?x=1": document()}, **changes)


@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
def test_each_answer_takes_one_press(visitor: Page, position: str) -> None:
    """Accept, then take it back on the choices page; the question does not come again."""
    with serving(site(policy=settings(banner=position)).app()) as base:
        visitor.goto(base + "/")
        if position != "bottom":
            note = visitor.query_selector("[data-privacy-note]")
            assert note is not None
            box, main = note.bounding_box(), visitor.query_selector("main")
            assert box is not None
            assert main is not None
            below = main.bounding_box()
            assert below is not None
            assert box["y"] + box["height"] <= below["y"]  # in the page's flow, over nothing
        visitor.click("[data-privacy-choice=accept]")
        assert visitor.url == base + "/"
        assert visitor.query_selector("[data-privacy-note]") is None
        visitor.click("[data-privacy-back] a")
        assert set(granted(visitor)) >= {"functional", "statistics", "marketing", "ads", "film"}
        visitor.click("[data-privacy-choice=withdraw]")
        assert granted(visitor) == []
        visitor.goto(base + "/")
        assert visitor.query_selector("[data-privacy-note]") is None


@pytest.mark.parametrize("choice", ["reject", "dismiss"])
@pytest.mark.requirement("COL-06")
def test_a_refusal_is_kept(visitor: Page, choice: str) -> None:
    """Nothing is granted, and nobody asks again."""
    with serving(site().app()) as base:
        visitor.goto(base + "/")
        visitor.click(f"[data-privacy-choice={choice}]")
        assert visitor.query_selector("[data-privacy-note]") is None
        visitor.goto(base + "/privacy-choices")
        assert granted(visitor) == []


@pytest.mark.requirement("COL-04", "COL-08", "COL-11", "COL-13")
def test_the_choices_page_takes_purposes_and_single_services(visitor: Page) -> None:
    """A ticked purpose takes its services along; a service can be said of alone, and taken back."""
    with serving(site().app()) as base:
        visitor.goto(base + "/privacy-choices")
        assert granted(visitor) == []
        visitor.check("[name=p][value=functional]")
        visitor.click("[data-privacy-choice=save]")
        assert set(granted(visitor)) == {"functional", "preferences", "film"}
        visitor.click("details:has([value=film]) summary")
        visitor.uncheck("[name=s][value=film]")
        visitor.click("details:has([value=ads]) summary")
        assert "Ads Inc." in visitor.inner_text("details:has([value=ads])")
        assert "Days: 90" in visitor.inner_text("details:has([value=ads]) table")
        assert visitor.query_selector("a[href='https://ads.example/privacy']") is not None
        visitor.check("[name=s][value=ads]")
        visitor.click("[data-privacy-choice=save]")
        assert set(granted(visitor)) == {"functional", "preferences", "ads"}
        visitor.click("[data-privacy-choice=save]")  # saying nothing new changes nothing
        assert set(granted(visitor)) == {"functional", "preferences", "ads"}
        visitor.uncheck("[name=p][value=functional]")
        visitor.click("[data-privacy-choice=save]")
        assert granted(visitor) == ["ads"]


@pytest.mark.requirement("COL-24")
def test_a_placeholder_lets_one_service_in(visitor: Page) -> None:
    """And leads back to the page it stands on."""
    shop = site()
    gate: Any = shop.app()
    notice = gate.assembly.pages.notice("en", shop.regime)[0]
    frame = held("iframe", 'title="A film" data-privacy-src="/film"', "film")
    shop.pages["/"] = document(HOLD.replace("{notice}", notice) + frame)
    with serving(gate) as base:
        visitor.goto(base + "/")
        visitor.click("[value=always]")
        assert visitor.url == base + "/"
        visitor.goto(base + "/privacy-choices")
        assert granted(visitor) == ["film"]


@pytest.mark.requirement("COL-18", "COL-19")
def test_opting_out_takes_a_link_and_a_button(visitor: Page) -> None:
    """No banner stands in the way; the link is on every page."""
    with serving(site(regime=OPT_OUT).app()) as base:
        visitor.goto(base + "/")
        assert visitor.query_selector("[data-privacy-note]") is None
        visitor.click("text=Your Privacy Choices")
        assert "marketing" in granted(visitor)
        visitor.click("text=Opt out of sale and sharing")
        assert granted(visitor) == []
        assert "You have opted out" in visitor.inner_text("[role=status][data-privacy-now]")
        visitor.goto(base + "/")
        assert visitor.query_selector("text=Your Privacy Choices") is not None


@pytest.mark.parametrize(("choice", "allowed"), [("reject", False), ("dismiss", True)])
def test_a_notice_is_read_or_objected_to(visitor: Page, choice: str, allowed: bool) -> None:
    """Closing it changes nothing but that it was read."""
    with serving(site(regime=NOTICE).app()) as base:
        visitor.goto(base + "/")
        visitor.click(f"[data-privacy-note] [data-privacy-choice={choice}]")
        assert visitor.query_selector("[data-privacy-note]") is None
        visitor.click("[data-privacy-back] a")
        assert ("marketing" in granted(visitor)) is allowed


@pytest.mark.requirement("A11-08", "SIG-09", "SIG-10")
@pytest.mark.parametrize("regime", [OPT_OUT, NOTICE], ids=["opt-out", "notice"])
def test_a_signal_is_answered_by_a_line_of_text(chromium: Browser, regime: Any) -> None:
    """Shown as honoured on every page and the choices page; nothing pops up."""
    context = chromium.new_context(java_script_enabled=False, extra_http_headers={"sec-gpc": "1"})
    page = context.new_page()
    with serving(site(regime=regime).app()) as base:
        for path in ("/", "/privacy-choices"):
            page.goto(base + path)
            said = page.inner_text("[role=status][data-privacy-signal=honored]")
            assert "Opt-Out Request Honored" in said
            assert page.query_selector("dialog, [data-privacy-note]") is None
    context.close()
