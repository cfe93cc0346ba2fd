"""Our markup under the strictest Content-Security-Policy that a site may have."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, ConsoleMessage

from tests.browser.site import STRICT, Site, document, serving, settings

pytestmark = [pytest.mark.browser, pytest.mark.requirement("SEC-04")]

NONCE = "default-src 'none'; script-src 'nonce-abc'; style-src 'nonce-abc'; connect-src 'self'; form-action 'self'; base-uri 'none'"


@pytest.mark.parametrize("policy", [STRICT, NONCE], ids=["self", "nonce"])
@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
def test_no_position_breaks_a_strict_policy(chromium: Browser, position: str, policy: str) -> None:
    """Style and script load, an answer is given without a reload, and nothing is reported."""
    site = Site(
        pages={"/": document()},
        headers={"content-security-policy": policy},
        policy=settings(banner=position),
    )
    context = chromium.new_context()
    page = context.new_page()
    reports: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text and "favicon" not in message.text:
            reports.append(message.text)

    page.on("console", listen)
    with serving(site.app()) as base:
        page.goto(base + "/")
        page.wait_for_selector("[data-privacy-choice=reject]")
        button = "getComputedStyle(document.querySelector('[data-privacy-choice=reject]'))"
        assert page.evaluate(f"{button}.display") == "grid"
        page.click("[data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-done]:focus")
        page.goto(base + "/privacy-choices")
        page.click("[data-privacy-choice=withdraw]")
        page.wait_for_load_state()
    assert reports == []
    context.close()


@pytest.mark.parametrize("path", ["/", "/privacy-choices"])
def test_nothing_of_ours_is_inline(chromium: Browser, path: str) -> None:
    """No script or style in the markup itself, no handler, no ``javascript:``."""
    with serving(Site(pages={"/": document()}, headers={}).app()) as base:
        page = chromium.new_page(java_script_enabled=True)
        page.goto(base + path)
        inline = page.evaluate(
            """[...document.querySelectorAll('*')].filter((el) =>
              el.matches('script:not([src]), style, [style], [href^="javascript:"]')
              || [...el.attributes].some((a) => a.name.startsWith('on'))).map((el) => el.outerHTML)"""
        )
        assert inline == []
        page.close()
