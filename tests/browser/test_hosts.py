"""The gallery of host pages: whatever a page's own styles say, the note looks and works the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import Site, serving, settings

pytestmark = [pytest.mark.browser, pytest.mark.requirement("COL-03", "A11-07")]

HOSTS = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parent / "hosts").iterdir()}
"""Shape of a page to its markup."""
ASKING = sorted(HOSTS.keys() - {"frameset"})
POSITIONS = ("card", "bottom", "dialog", "flow")
NO_LINE_AT_THE_TOP = {
    "app_fixed",
    "app_scrolls_inside",
    "body_flex_centred",
    "body_flex_column",
    "body_flex_row",
    "body_grid_areas",
    "body_grid_rows",
}
"""Pages whose body is no plain block: ``flow`` has nowhere to stand there (docs/banner.md)."""
VISITS: dict[str, dict[str, Any]] = {
    "script": {},
    "no script, dark": {"java_script_enabled": False, "color_scheme": "dark"},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
JUDGE = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const under = (el) => { for (; el; el = el.parentElement) {
    const colour = rgb(getComputedStyle(el).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour; } return [255, 255, 255]; };
  const contrast = (el) => {
    const [a, b] = [light(rgb(getComputedStyle(el).color)), light(under(el))].sort((x, y) => y - x);
    return (a + .05) / (b + .05); };
  scrollTo(0, 0);
  const faults = [], note = document.querySelector('[data-privacy-note]');
  if (!note) return ['no note'];
  const buttons = [...note.querySelectorAll('[data-privacy-choice]')];
  if (buttons.length !== 4) faults.push(buttons.length + ' buttons');
  for (const el of buttons) {
    const name = el.dataset.privacyChoice, box = el.getBoundingClientRect(), style = getComputedStyle(el);
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (hit !== el) faults.push(`${name}: ${hit ? hit.outerHTML.slice(0, 60) : 'nothing'} is there`);
    if (box.height < 24 || box.width < 24) faults.push(`${name}: ${box.width} x ${box.height}`);
    if (parseFloat(style.fontSize) * (el.currentCSSZoom || 1) < 16) faults.push(`${name}: ${style.fontSize}`);
  }
  for (const el of note.querySelectorAll('h2,p:not([hidden]),b,a,button')) {
    if (contrast(el) < 4.5) faults.push(`${el.localName}: ${contrast(el).toFixed(2)}:1`);
    for (let up = el; up !== note; up = up.parentElement)
      if (getComputedStyle(up).opacity !== '1') faults.push(el.localName + ' is faint');
  }
  const [accept, reject] = ['accept', 'reject'].map((name) => note.querySelector(`[data-privacy-choice=${name}]`));
  const looks = [accept, reject].map((el) => getComputedStyle(el));
  for (const name of looks[0])
    if (looks[0][name] !== looks[1][name] && !/^(perspective|transform)-origin$|^(inline-size|width)$|^grid-template/.test(name))
      faults.push(`${name} differs`);
  const sizes = [accept, reject].map((el) => el.getBoundingClientRect()).map((b) => [b.width, b.height].map(Math.round) + '');
  if (sizes[0] !== sizes[1]) faults.push('sizes ' + sizes.join(' and '));
  for (const el of document.querySelectorAll('[data-privacy-done]'))
    if (el.checkVisibility()) faults.push('says it is saved');
  const focused = document.activeElement, spot = focused.getBoundingClientRect();
  if (focused !== document.body && !note.contains(focused)) {
    const hit = document.elementFromPoint(spot.left + spot.width / 2, spot.top + spot.height / 2);
    if (note.contains(hit)) faults.push('covers the focus');
  }
  return faults;
}"""
COVERS = "covers the focus"
SHIFTS = """window.shift = 0; new PerformanceObserver((list) => list.getEntries()
  .forEach((e) => { shift += e.value; })).observe({type: 'layout-shift', buffered: true});"""


@pytest.fixture(scope="module", params=POSITIONS)
def gallery(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Every host page behind a gate with the note in one position: its name and its address."""
    pages = {f"/{name}": html for name, html in HOSTS.items()}
    pages |= {"/menu": "<p>menu", "/teapots": "<!doctype html><title>t</title><p>Teapots"}
    site = Site(pages=pages, headers={}, policy=settings(banner=request.param))
    with serving(site.app()) as base:
        yield request.param, base


def look(page: Page, address: str, *, scripted: bool) -> list[str]:
    """Visit a page and say what a person would object to."""
    page.goto(address)
    if scripted:
        page.wait_for_function("window.privacyChoices")
    faults: list[str] = page.evaluate(JUDGE)
    if scripted and page.evaluate("shift"):
        faults.append(f"moves by {page.evaluate('shift')}")
    return faults


@pytest.mark.parametrize("visit", VISITS)
def test_no_page_breaks_the_note(chromium: Browser, gallery: tuple[str, str], visit: str) -> None:
    """Every button can be seen, read and pressed, and accept and reject are alike, on every page."""
    position, base = gallery
    scripted = VISITS[visit].get("java_script_enabled", True)
    context = chromium.new_context(**VISITS[visit])
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.route("https://cdn.example/**", lambda route: route.abort())
    wrong = {}
    for name in ASKING:
        if position == "flow" and name in NO_LINE_AT_THE_TOP:
            continue
        faults = look(page, f"{base}/{name}", scripted=scripted)
        if name == "autofocus_at_the_foot" and not scripted:
            faults = [fault for fault in faults if fault != COVERS]  # only script sees what has it
        if faults:
            wrong[name] = faults
    context.close()
    assert not wrong, "\n".join(f"{name}: {faults}" for name, faults in wrong.items())
