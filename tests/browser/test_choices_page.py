"""The choices page says the same with our script and without it (invariant 12)."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from playwright.sync_api import Browser

from consentgate.domain.policy.policy import Service
from tests.browser.site import POLICY, Site, document, serving, until

pytestmark = [pytest.mark.browser, pytest.mark.requirement("STO-17", "COL-15")]

OPTIONAL = ("functional", "statistics", "marketing")
SEVERAL = [list(keys) for size in (1, 2, 3) for keys in combinations(OPTIONAL, size)]
SHOP = replace(
    POLICY,
    services=tuple(Service(key="-".join(keys), purposes=tuple(keys)) for keys in SEVERAL),
)


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_a_ticked_purpose_takes_along_what_needs_nothing_else(
    chromium: Browser, has_script: bool
) -> None:
    """Statistics alone does not let in what serves marketing too, whichever boxes are ticked."""
    context = chromium.new_context(java_script_enabled=has_script)
    page = context.new_page()
    with serving(Site(pages={"/": document()}, policy=SHOP, headers={}).app()) as base:
        page.goto(base + "/privacy-choices")
        for ticked in [["statistics"], *SEVERAL, []]:
            if has_script:
                until(page, "window.privacyChoices")
            for key in OPTIONAL:
                page.set_checked(f"[name=p][value={key}]", key in ticked)
            page.click("[data-privacy-choice=save]")
            page.wait_for_load_state()
            shown = {
                str(box.get_attribute("value"))
                for box in page.query_selector_all("[name=s]")
                if box.is_checked()
            }
            assert shown == {"-".join(keys) for keys in SEVERAL if set(keys) <= set(ticked)}
    context.close()
