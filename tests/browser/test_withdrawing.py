"""After a withdrawal nothing stays that a service's script has put down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from consentgate.domain.policy.policy import CookiePattern, Match, Service, StorageKey, StorageKind
from tests.browser.site import POLICY, Site, document, serving, until

pytestmark = [pytest.mark.browser, pytest.mark.requirement("STO-13", "WDR-02")]

TAG = """<script data-service="heat">
const keep = () => {
  document.cookie = '_hjA=1; path=/'; document.cookie = '_hjB=1; path=/shop';
  document.cookie = '_hjC=1; path=/shop/tea'; document.cookie = '_hjD=1';
  localStorage.setItem('_hjid', '1'); sessionStorage.setItem('_hjSeen', '1');
  localStorage.setItem('heat.queue', '1'); localStorage.setItem('basket', '1');
};
keep(); setInterval(keep, 20); addEventListener('pagehide', keep);
</script>"""
HEAT = Service(
    key="heat",
    purposes=("statistics",),
    cookies=(CookiePattern(name="_hj", match=Match.PREFIX),),
    storage=(StorageKey(kind=StorageKind.LOCAL, name="heat.", match=Match.PREFIX),),
)
PAGES = {"/shop/tea": document(TAG), "/": document()}


def kept(page: Page, context: BrowserContext) -> set[str]:
    """Every name in the browser but our own."""
    keys = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    cookies = {str(cookie.get("name")) for cookie in context.cookies()}
    return {name for name in {*keys, *cookies} if not name.startswith("choices")}


@pytest.mark.parametrize("cache", ["per-visitor", "shared"])
@pytest.mark.parametrize("csp", ["enforce", "off"])
def test_nothing_of_a_withdrawn_service_stays(chromium: Browser, csp: str, cache: str) -> None:
    """Cookies of any path, declared keys and keys named as its cookies; what others keep stays."""
    site = replace(POLICY.site, csp=csp, cache=cache)
    policy = replace(POLICY, services=(HEAT,), site=site)
    context = chromium.new_context()
    page = context.new_page()
    with serving(Site(pages=PAGES, policy=policy, headers={}).app()) as base:
        page.goto(base + "/shop/tea")
        until(page, "document.querySelector('[data-privacy-note]:not([hidden])')")
        page.click("[data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-note]", state="detached")
        page.goto(base + "/shop/tea")
        until(page, "localStorage.getItem('_hjid')")
        page.click("[data-privacy-back] a")
        page.click("[data-privacy-choice=withdraw]")
        page.wait_for_load_state()
        until(page, "!localStorage.getItem('_hjid') && !sessionStorage.getItem('_hjSeen')")
        page.goto(base + "/shop/tea")
        until(page, "window.privacyChoices?.state?.decided && !document.cookie.includes('_hj')")
        page.goto(base + "/")
        assert kept(page, context) == {"basket"}
    context.close()
