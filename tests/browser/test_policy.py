"""The second policy in a real browser: what scripts inject, and what a grant brings."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.site import Site, document, settings
from tests.browser.test_restore import visiting

INJECT = """window.violated = [];
document.addEventListener('securitypolicyviolation', (e) => violated.push(e.blockedURI));
window.pixel = new Image(); pixel.src = 'http://127.0.0.2:9/p';"""


@pytest.mark.requirement("STO-05", "TPD-01")
def test_what_a_script_injects_is_blocked_until_the_grant_loads_the_page_anew(
    chromium: Browser,
) -> None:
    """No markup names the host; the page after the grant has a policy that permits it."""
    site = Site(
        pages={"/": document('<script src="/inject.js"></script>')},
        scripts={"/inject.js": INJECT},
        headers={},
        policy=settings(csp="enforce"),
    )
    with visiting(chromium, site) as (page, _):
        page.wait_for_function("window.violated && violated.length > 0")
        assert page.evaluate("violated[0]").startswith("http://127.0.0.2")
        page.evaluate("window.isOld = true")
        page.click("[data-privacy-choice=accept]")
        page.wait_for_function("!window.isOld && window.privacyChoices && window.violated")
        assert page.evaluate("privacyChoices.allows('ads')") is True
        page.wait_for_timeout(200)
        assert page.evaluate("violated") == []
