"""What a visitor meets: the first layer in every position and theme, by eye, keyboard and axe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.site import NOTICE, OPT_OUT, Site, document, serving, settings, until

pytestmark = pytest.mark.browser

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "rules": {"target-size": {"enabled": True}},
}
RTL = {"accept": "كل", "reject": "رفض"}
PAGES = {"/": document(), "/rtl": document(language="ar", direction="rtl"), "/held": ""}
HELD = document(
    '<h2>A film</h2><iframe title="A film" width="560" height="315" src="http://127.0.0.4/film"></iframe>'
)
"""The gate draws a placeholder before it."""
OWN_PAGES = [
    f"/privacy-choices{page}?lang={language}"
    for page in ("", "/disclosure", "/notices")
    for language in ("en", "ar")
]
POSITIONS = ("flow", "bottom", "dialog")
VIEWS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "320px": {"viewport": {"width": 320, "height": 640}},
    "400%": {"viewport": {"width": 320, "height": 256}},
}


@pytest.fixture(scope="module", params=POSITIONS)
def positioned(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A site with the first layer in one position: its name and its address."""
    policy = replace(settings(banner=request.param), texts={"ar": RTL})
    with serving(Site(pages={**PAGES, "/held": HELD}, headers={}, policy=policy).app()) as base:
        yield request.param, base


def problems(page: Page) -> list[str]:
    """What axe finds: rule and element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.requirement("COL-03", "COL-15", "A11-05", "A11-07")
def test_axe_finds_nothing(chromium: Browser, positioned: tuple[str, str], view: str) -> None:
    """First layer, placeholder, our own pages, either direction: no rule of A, AA or practice."""
    position, base = positioned
    context = chromium.new_context(**VIEWS[view])
    page = context.new_page()
    paths = ["/", "/rtl"]
    if position == "flow":
        paths += ["/held", *OWN_PAGES]
    for path in paths:
        page.goto(base + path)
        page.wait_for_load_state("networkidle")
        assert (path == "/held") == (page.query_selector("[data-privacy-hold]") is not None)
        for summary in page.query_selector_all("summary"):
            summary.click()
        assert problems(page) == [], path
    context.close()


@pytest.mark.parametrize(("name", "regime"), [("opt-out", OPT_OUT), ("notice", NOTICE)])
def test_axe_finds_nothing_in_the_other_shapes(chromium: Browser, name: str, regime: Any) -> None:
    """The way back with its icon, the notice, and the page they lead to."""
    with serving(Site(pages=PAGES, headers={}, regime=regime).app()) as base:
        page = chromium.new_page()
        for path in ("/", "/privacy-choices"):
            page.goto(base + path)
            assert problems(page) == [], (name, path)
        page.close()


HIDDEN = """() => {
  const el = document.activeElement, box = el.getBoundingClientRect();
  const points = [[.5,.5],[.05,.1],[.95,.1],[.05,.9],[.95,.9]];
  const seen = points.some(([x, y]) => {
    const hit = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
    return hit && (el.contains(hit) || hit.contains(el) && hit !== document.documentElement && hit !== document.body);
  });
  return {id: el.id, tag: el.localName, hidden: !seen};
}"""


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
@pytest.mark.requirement("A11-02")
def test_no_focused_link_is_hidden(
    chromium: Browser, positioned: tuple[str, str], size: tuple[int, int]
) -> None:
    """Tab through forty links, forth and back: none lies wholly under our markup (WCAG 2.4.11)."""
    position, base = positioned
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(base + "/")
    page.wait_for_function("window.privacyChoices")
    if position == "dialog":  # modal: nothing behind it takes focus, until it is answered
        page.keyboard.press("Escape")
        page.wait_for_selector("[data-privacy-note]", state="detached")
    reached, hidden = set(), []
    for key in ["Tab"] * 52 + ["Shift+Tab"] * 52:
        page.keyboard.press(key)
        spot = page.evaluate(HIDDEN)
        if spot["id"].startswith("s"):
            reached.add(spot["id"])
            hidden += [spot["id"]] if spot["hidden"] else []
    assert (len(reached), hidden) == (40, [])
    context.close()


@pytest.mark.requirement("COL-02", "COL-20")
def test_reject_is_two_tabs_away(chromium: Browser, positioned: tuple[str, str]) -> None:
    """And accept comes right after it: refusing never takes more steps."""
    page = chromium.new_page()
    page.goto(positioned[1] + "/")
    page.wait_for_function("window.privacyChoices")
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.dataset.privacyChoice"))
    assert names == [None, "reject", "accept"]
    page.close()


LOOK = """(el) => { const s = getComputedStyle(el), b = el.getBoundingClientRect();
  return [s.color, s.backgroundColor, s.fontSize, s.fontWeight, s.fontFamily, Math.round(b.width), Math.round(b.height)]; }"""


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.requirement("COL-03")
def test_every_answer_has_the_same_weight(
    chromium: Browser, positioned: tuple[str, str], view: str
) -> None:
    """Colour, background, font, width and height of accept, reject and choose are equal."""
    context = chromium.new_context(**VIEWS[view])
    page = context.new_page()
    page.goto(positioned[1] + "/")
    looks = page.eval_on_selector_all(".pc-note .pc-b", f"all => all.map({LOOK})")
    if view == "forced":  # the system paints links and buttons in its own colours
        looks = [look[2:] for look in looks]
    assert len(looks) == 3
    assert looks[0] == looks[1] == looks[2]
    context.close()


@pytest.mark.requirement("A11-01", "A11-03")
def test_the_dialog_keeps_focus_and_gives_it_back(chromium: Browser) -> None:
    """Fifty Tabs either way stay inside; Esc closes it, and focus is where it was before."""
    page_with_focus = document(
        head="<script>addEventListener('DOMContentLoaded', () => s3.focus())</script>"
    )
    site = Site(pages={"/": page_with_focus}, headers={}, policy=settings(banner="dialog"))
    with serving(site.app()) as base:
        page = chromium.new_page()
        # our script is deferred; a link has focus before it opens the dialog
        page.route("**/assets/*.js", lambda route: (page.focus("#s3"), route.continue_())[1])
        page.goto(base + "/")
        page.wait_for_selector("dialog:modal")
        for key in ["Tab"] * 50 + ["Shift+Tab"] * 50:
            page.keyboard.press(key)
            inside = page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
            assert inside
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        assert page.evaluate("document.activeElement.id") == "s3"
        page.close()


@pytest.mark.requirement("COL-06")
def test_esc_means_not_now(chromium: Browser, positioned: tuple[str, str]) -> None:
    """Everything stays denied, it is remembered, and the visitor is not asked again."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(positioned[1] + "/")
    page.wait_for_function("window.privacyChoices")
    page.focus("[data-privacy-choice=reject]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-privacy-done]")
    assert (
        page.evaluate("['functional','statistics','marketing'].some(privacyChoices.allows)")
        is False
    )
    page.reload()
    assert page.query_selector("[data-privacy-note]") is None
    assert page.query_selector("[data-privacy-back]") is not None
    context.close()


@pytest.mark.requirement("A11-03", "A11-08")
def test_a_choice_is_announced_and_keeps_focus(chromium: Browser) -> None:
    """Focus goes to a status line that says so and holds the way back."""
    with serving(Site(pages=PAGES).app()) as base:
        page = chromium.new_page()
        page.goto(base + "/")
        page.wait_for_function("window.privacyChoices")
        page.focus("[data-privacy-choice=reject]")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-privacy-done]:focus")
        status = page.query_selector("[role=status]:has([data-privacy-done]:focus)")
        assert status is not None
        assert "saved" in status.inner_text()
        assert page.query_selector("[data-privacy-done] a[href^='/privacy-choices']") is not None
        page.close()


@pytest.mark.requirement("COL-05", "COL-07")
def test_reading_on_is_no_consent(chromium: Browser, positioned: tuple[str, str]) -> None:
    """Scrolling and following a link grant nothing; the page scrolls while it asks."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(positioned[1] + "/")
    page.wait_for_function("window.privacyChoices")
    page.mouse.wheel(0, 2_000)
    page.evaluate("scrollTo(0, 1000)")
    assert page.evaluate("scrollY") > 0
    page.goto(positioned[1] + "/rtl")
    assert page.evaluate("privacyChoices.state.decided") is False
    assert page.evaluate("privacyChoices.allows('marketing')") is False
    assert context.cookies() == []
    context.close()


class Halting:
    """Sends the first piece of a page, and the rest when its script has seen two frames."""

    HEAD = """<script>window.moved = 0;
    new PerformanceObserver((l) => l.getEntries().forEach((e) => { moved += e.value; }))
      .observe({type: 'layout-shift', buffered: true});
    requestAnimationFrame(() => requestAnimationFrame(() => fetch('/go')));</script>"""

    def __init__(self, site: Site, marker: bytes) -> None:
        site.pages["/"] = document(head=self.HEAD)
        self.app = site.app()
        self.marker = marker
        self.seen = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def halting(message: Any) -> None:
            body = message.get("body", b"")
            at = body.find(self.marker) if scope["path"] == "/" else -1
            if at >= 0:
                await send({**message, "body": body[:at], "more_body": True})
                await asyncio.wait_for(self.seen.wait(), 10)
                message = {**message, "body": body[at:]}
            await send(message)

        if scope["path"] == "/go":
            self.seen.set()
        await self.app(scope, receive, halting)


@pytest.mark.parametrize("marker", [b"<p>", b"<form", b'<div class="pc-row'])
@pytest.mark.parametrize("position", POSITIONS)
def test_a_page_in_pieces_moves_nothing(chromium: Browser, position: str, marker: bytes) -> None:
    """Cut anywhere in the first layer, painted, then continued: what is shown stays where it is."""
    app = Halting(Site(headers={}, policy=settings(banner=position)), marker)
    with serving(app) as base:
        page = chromium.new_page()
        page.goto(base + "/")
        page.wait_for_function("window.privacyChoices")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert page.evaluate("moved") == 0
        assert page.is_visible("[data-privacy-choice=reject]")
        page.close()


FRAMES = """window.shift = 0; window.frames_seen = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))
  .observe({type: 'layout-shift', buffered: true});
requestAnimationFrame(function look() {
  const note = document.querySelector('[data-privacy-note]'), page = document.querySelector('header');
  const box = note?.getBoundingClientRect();
  const seen = note && getComputedStyle(note).visibility === 'visible' && [box.top, box.height];
  frames_seen.push([!!page, seen || null]);
  if (frames_seen.length < 1000) requestAnimationFrame(look);
});"""
"""In each frame, just before it is painted: whether the page shows, and where our note stands."""


@pytest.mark.slow
def test_it_stands_in_the_first_paint_and_moves_nothing(
    chromium: Browser, positioned: tuple[str, str]
) -> None:
    """With the processor eight times slower: no frame shows the page without the whole note."""
    for _ in range(3):
        context = chromium.new_context()
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})
        page.add_init_script(FRAMES)
        page.goto(positioned[1] + "/")
        until(page, "window.privacyChoices && performance.getEntriesByName('first-paint')[0]")
        until(page, "frames_seen.filter(([page]) => page).length > 2")
        frames = page.evaluate("frames_seen")
        assert {tuple(note or ()) for _, note in frames if note} == {tuple(frames[-1][1])}
        assert all(note for has_page, note in frames if has_page)
        assert page.evaluate("shift") == 0
        context.close()
