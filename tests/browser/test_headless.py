"""A site that draws its own interface: the example of docs/banner.md, word for word, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.site import OPT_OUT, STRICT, Site, document, serving, settings, until
from tests.browser.test_restore import INIT, SCRIPTS, script

pytestmark = pytest.mark.browser

GUIDE = (Path(__file__).parents[2] / "docs" / "banner.md").read_text(encoding="utf-8")
BOX = """<section id="own-choices" hidden><button id="own-reject">No</button>
<button id="own-accept">Yes</button><button id="own-counting">Count me</button></section>"""


def example() -> str:
    """The script of the guide."""
    (found,) = re.findall(r"```js\n(// /own-choices\.js.*?)```", GUIDE, re.DOTALL)
    return str(found)


def site() -> Site:
    """A site with its own interface, whose scripts wait for statistics and for ads."""
    body = BOX + script("a", service="analytics") + script("b", service="ads")
    head = '<script src="/own-choices.js" defer></script>'
    return Site(
        pages={"/": document(body, head)},
        scripts={**SCRIPTS, "/own-choices.js": example()},
        policy=settings(banner="none"),
        headers={"content-security-policy": STRICT},
    )


@pytest.mark.parametrize(
    ("button", "ran"),
    [("reject", []), ("accept", ["a", "b"]), ("counting", ["a"])],
)
@pytest.mark.requirement("INT-12", "SEC-04")
def test_the_guides_own_interface_works(chromium: Browser, button: str, ran: list[str]) -> None:
    """It asks, takes the choice, brings back what is granted, and does not ask again."""
    with serving(site().app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.add_init_script(INIT)
        page.goto(base + "/")
        page.wait_for_selector("#own-choices", state="visible")
        assert page.query_selector("[data-privacy-note], [data-privacy-back]") is None
        page.click(f"#own-{button}")
        page.wait_for_selector("#own-choices", state="hidden")
        until(page, f"ran.length === {len(ran)}")
        assert page.evaluate("[ran, changes.length, violations]") == [ran, 1, []]
        page.goto(base + "/")
        until(page, "window.privacyChoices")
        assert page.is_hidden("#own-choices")
        context.close()


@pytest.mark.requirement("INT-12")
def test_the_guide_names_every_field_of_the_state(chromium: Browser) -> None:
    """And none that is not there."""
    with serving(Site(policy=settings(consent_mode=True), regime=OPT_OUT).app()) as base:
        context = chromium.new_context()
        state = context.request.get(base + "/privacy-choices/state").json()
        context.close()
    table = GUIDE.partition("GET /privacy-choices/state` answers:")[2].partition("`POST")[0]
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.M)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert named == set(state)


def test_the_guide_names_every_property_and_template() -> None:
    """What can be set and replaced is what the style and the folder hold."""
    root = Path(__file__).parents[2]
    style = (root / "static" / "banner.css").read_text(encoding="utf-8")
    properties = set(re.findall(r"(--pc-[a-z-]+):", style))
    assert {name for name in properties if f"`{name}`" not in GUIDE} == set()
    templates = {path.name for path in (root / "consentgate" / "data" / "templates").iterdir()}
    assert {name for name in templates if f"`{name}`" not in GUIDE} == set()
