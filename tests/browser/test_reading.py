"""Whether it can be read: every language on a small screen, stretched text, print, and who hides it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from consentgate.asgi.pages.languages import direction
from consentgate.asgi.startup.texts import load_texts
from tests.browser.site import NOTICE, OPT_OUT, Site, document, serving, settings, until

pytestmark = pytest.mark.browser

LANGUAGES = sorted(load_texts())
PAGES = {f"/{tag}": document(language=tag, direction=direction(tag)) for tag in LANGUAGES}
BROKEN = """() => [...document.querySelectorAll('.pc-b, .pc-x, h1, h2')].flatMap((el) => {
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT), broken = [];
  while (walker.nextNode()) {
    for (const word of walker.currentNode.data.matchAll(/[\\p{L}\\p{M}]+/gu)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.bottom)));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
  return broken;
})"""
"""Words of buttons and headings that go over two lines."""
WITHOUT_SPACES = ("ja", "zh-Hans", "zh-Hant")
"""May break anywhere."""
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important;
 word-spacing: .16em !important } p { margin-block-end: 2em !important }"""
"""What WCAG 1.4.12 wants a page to bear."""


@pytest.fixture(scope="module", params=[None, OPT_OUT, NOTICE], ids=["ask", "opt-out", "notice"])
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    """A site with a page in every language, under one regime."""
    site = Site(pages=PAGES, headers={})
    site.regime = request.param or site.regime
    with serving(site.app()) as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.requirement("A11-06")
def test_no_word_is_broken_and_nothing_scrolls_sideways(
    chromium: Browser, base: str, width: int
) -> None:
    """In 37 languages, first layer and choices page with all its details open."""
    page = chromium.new_page(viewport={"width": width, "height": 700})
    wrong = []
    for tag in LANGUAGES:
        for path in (f"/{tag}", f"/privacy-choices?lang={tag}"):
            page.goto(base + path)
            page.eval_on_selector_all(
                "details", "all => all.forEach((one) => { one.open = true; })"
            )
            if page.evaluate("document.scrollingElement.scrollWidth") > width:
                wrong.append((path, "scrolls"))
            if tag not in WITHOUT_SPACES:
                wrong += [(path, word) for word in page.evaluate(BROKEN)]
    assert wrong == []
    page.close()


COLUMNS = """() => new Set([...document.querySelectorAll('.pc-note .pc-row > *')]
  .map((el) => Math.round(el.getBoundingClientRect().left))).size"""


@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
def test_four_answers_stand_in_four_two_or_one_columns(chromium: Browser, position: str) -> None:
    """Never three and one, however wide the window is."""
    with serving(Site(pages=PAGES, headers={}, policy=settings(banner=position)).app()) as address:
        page = chromium.new_page()
        page.goto(address + "/de")
        until(page, "window.privacyChoices")
        found = []
        for width in range(300, 1000, 20):
            page.set_viewport_size({"width": width, "height": 800})
            found.append(page.evaluate(COLUMNS))
        assert sorted(set(found)) == [1, 2, 4]
        assert found == sorted(found)
        page.close()


FITS = """() => [...document.querySelectorAll('.pc-note, .pc-note *, .pc-page *')].filter((el) =>
  el.clientWidth && el.scrollWidth > el.clientWidth + 1 && getComputedStyle(el).display !== 'inline').map((el) => el.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
@pytest.mark.parametrize(
    "size", [(320, 640), (640, 320), (1280, 800)], ids=["narrow", "lying", "wide"]
)
@pytest.mark.requirement("A11-06", "A11-04")
def test_stretched_text_fits(chromium: Browser, position: str, size: tuple[int, int]) -> None:
    """With the spacing of WCAG 1.4.12 nothing is cut off, and everything to press is large enough."""
    width, height = size
    with serving(Site(pages=PAGES, headers={}, policy=settings(banner=position)).app()) as address:
        page = chromium.new_page(viewport={"width": width, "height": height}, bypass_csp=True)
        for path in ("/de", "/ar", "/privacy-choices?lang=de"):
            page.goto(address + path)
            until(page, "window.privacyChoices")
            page.add_style_tag(content=SPACED)
            assert page.evaluate(FITS) == [], path
            pressed = page.query_selector_all(
                ".pc-note button, .pc-note a.pc-b, .pc-page button, .pc-page input[type=checkbox], .pc-page summary"
            )
            sizes = [box for one in pressed if (box := one.bounding_box())]
            assert sizes
            assert all(box["width"] >= 24 and box["height"] >= 24 for box in sizes), path
        page.close()


def test_print_leaves_it_out(chromium: Browser) -> None:
    """On paper nobody can answer."""
    with serving(Site(pages=PAGES, headers={}).app()) as address:
        page = chromium.new_page()
        page.goto(address + "/en")
        assert page.is_visible("[data-privacy-note]")
        page.emulate_media(media="print")
        assert page.is_hidden("[data-privacy-note]")
        assert page.is_visible("main")
        page.close()


MOVES = """() => [...document.querySelectorAll('[data-privacy-note], [data-privacy-note] *')].filter((el) => {
  const s = getComputedStyle(el); return s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0; }).length"""


@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
@pytest.mark.requirement("A11-09", "COL-05")
def test_nothing_moves_and_nothing_goes_by_itself(chromium: Browser, position: str) -> None:
    """No animation in any setting, and an hour later the question still stands, unanswered."""
    with serving(Site(pages=PAGES, headers={}, policy=settings(banner=position)).app()) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.clock.install()
        page.goto(address + "/en")
        until(page, "window.privacyChoices")
        assert page.evaluate(MOVES) == 0
        page.clock.run_for(3_600_000)
        assert page.is_visible("[data-privacy-note]")
        assert page.evaluate("privacyChoices.state.decided") is False
        context.close()


RULE = json.loads(
    re.findall(
        r"```json\n(.*?)```",
        (Path(__file__).parents[2] / "docs" / "banner.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )[0]
)
"""The rule that docs/banner.md gives to extensions."""


def follow(page: Page, part: str) -> None:
    """Do what one part of the rule says, as an extension would."""
    for step in RULE[part]:
        if "exists" in step:
            page.wait_for_selector(step["exists"], state="attached")
        elif "waitForThenClick" in step:
            page.click(step["waitForThenClick"])
        else:
            state = "hidden" if step.get("check") == "none" else "visible"
            page.wait_for_selector(step["visible"], state=state)


@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_an_extension_opts_out_in_one_press(chromium: Browser, position: str, script: bool) -> None:
    """The documented rule: detect, press once, and nothing optional is granted."""
    assert len(RULE["optOut"]) == 1
    with serving(Site(pages=PAGES, headers={}, policy=settings(banner=position)).app()) as address:
        context = chromium.new_context(java_script_enabled=script)
        page = context.new_page()
        page.goto(address + "/en")
        for part in ("detectCmp", "detectPopup", "optOut", "test"):
            follow(page, part)
        state: Any = context.request.get(address + "/privacy-choices/state").json()
        assert state["decided"] is True
        granted = {key for key, said in state["purposes"].items() if said}
        assert granted == {"necessary"}
        context.close()


def test_opt_out_rules_take_the_same_hooks(chromium: Browser) -> None:
    """The way back, then one press."""
    with serving(Site(pages=PAGES, headers={}, regime=OPT_OUT).app()) as address:
        page = chromium.new_page()
        page.goto(address + "/en")
        page.click("[data-privacy-back] [data-privacy-choice=choose]")
        page.click("[data-privacy-choice=reject]")
        page.wait_for_selector("[data-privacy-choice=accept]")
        assert page.query_selector("input:checked") is None
        page.close()


SPEED = [("de", "ltr"), ("ar", "rtl")]


@pytest.mark.parametrize(("language", "way"), SPEED, ids=["German", "Arabic"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.requirement("A11-01", "A11-10", "COL-15", "COL-20")
def test_a_phone_and_a_keyboard_are_enough(
    chromium: Browser, language: str, way: str, script: bool
) -> None:
    """Refuse with three keys; later permit one purpose, and take it back, by keys alone."""
    texts = load_texts()[language]
    with serving(Site(pages=PAGES, headers={}).app()) as address:
        context = chromium.new_context(
            viewport={"width": 390, "height": 780}, is_mobile=True, java_script_enabled=script
        )
        page = context.new_page()
        page.goto(f"{address}/{language}")
        note = page.query_selector("[data-privacy-note]")
        assert note is not None
        assert (note.get_attribute("lang"), note.get_attribute("dir")) == (language, way)
        for key in ("Tab", "Tab", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector("[data-privacy-note]", state="detached")
        page.goto(f"{address}/privacy-choices?lang={language}")
        assert texts["state_refused"] in page.inner_text("[data-privacy-now]")
        page.focus("[name=p][value=functional]")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")  # in a box: the form's first button, which refuses
        page.wait_for_load_state()
        assert texts["state_refused"] in page.inner_text("[data-privacy-now]")
        page.focus("[name=p][value=functional]")
        page.keyboard.press("Space")
        page.focus("[data-privacy-choice=save]")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert texts["purpose_functional"] in page.inner_text("[data-privacy-now]")
        page.focus("[data-privacy-choice=withdraw]")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert texts["state_refused"] in page.inner_text("[data-privacy-now]")
        context.close()


@pytest.mark.requirement("A11-11")
def test_focus_and_ticking_send_nothing(chromium: Browser) -> None:
    """Every control of the choices page takes focus, every box is ticked: no request, same page."""
    with serving(Site(pages=PAGES, headers={}).app()) as address:
        page = chromium.new_page()
        page.goto(address + "/privacy-choices?lang=en")
        until(page, "window.privacyChoices")
        page.eval_on_selector_all("details", "all => all.forEach((one) => { one.open = true; })")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for control in page.query_selector_all("button, input[type=checkbox], summary, a"):
            control.focus()
        for box in page.query_selector_all("input[type=checkbox]"):
            box.check()
        page.wait_for_timeout(100)
        assert asked == []
        assert page.url == address + "/privacy-choices?lang=en"
        page.close()


RING = """() => { const el = document.activeElement, s = getComputedStyle(el);
  if (!el.closest('.pc-note, .pc-back, .pc-page')) return true;  // the site's own
  return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; }"""

TOP = "scrollY + document.activeElement.getBoundingClientRect().top"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.requirement("A11-03")
def test_focus_is_seen_and_goes_from_top_to_bottom(chromium: Browser, scheme: Any) -> None:
    """Every control of ours has a ring, and Tab never goes back up the page."""
    with serving(Site(pages=PAGES, headers={}).app()) as address:
        page = chromium.new_page(color_scheme=scheme, viewport={"width": 320, "height": 700})
        for path, fewest in (("/en", 40), ("/privacy-choices?lang=en", 12)):
            page.goto(address + path)
            until(page, "window.privacyChoices")
            page.eval_on_selector_all(
                "details", "all => all.forEach((one) => { one.open = true; })"
            )
            page.keyboard.press("Tab")
            tops = []
            while not page.evaluate("document.activeElement === document.body"):
                assert page.evaluate(RING), page.evaluate("document.activeElement.outerHTML")
                tops.append(page.evaluate(TOP))
                page.keyboard.press("Tab")
            assert len(tops) >= fewest
            assert tops == sorted(tops), path
        page.close()
