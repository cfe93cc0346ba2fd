"""Tags as their vendors publish them: nobody is asked until the visitor says yes (invariant 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from benchmarks import leak_site as leak
from benchmarks.leak_site import ThirdParties, third_parties
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.policy.policy import LedgerSettings, LogSettings, Policy
from tests.browser.conftest import ARGUMENTS
from tests.browser.site import Site, serving, until
from tests.programs import needed

pytestmark = [pytest.mark.browser, pytest.mark.requirement("STO-01", "STO-02", "STO-07")]

TOML = """
version = "1"
effective = 2026-01-01
[controller]
name = "Teapot Shop"
contact = "privacy@shop.example"
[service.google-analytics]
use = "google-analytics"
[service.facebook-pixel]
use = "facebook-pixel"
[service.youtube]
use = "youtube"
[service.google-fonts]
use = "google-fonts"
"""
EVERYONE = {"Google Analytics", "Meta Pixel", "YouTube", "Google Fonts"}
INJECTED = """<script>
const s = document.createElement('script'); s.src = 'https://www.googletagmanager.com/gtag/js?id=1';
document.head.append(s);
new Image().src = 'https://www.facebook.com/tr?id=1'; fetch('https://www.facebook.com/tr').catch(() => {});
document.body.insertAdjacentHTML('beforeend', '<iframe src="https://www.youtube.com/embed/teapot"></iframe>');
</script>"""
ANNOTATED = leak.page(
    leak.FONTS.replace("<link ", '<link data-service="google-fonts" ')
    + leak.ANALYTICS.replace("<script", '<script data-purpose="statistics"')
    + leak.META.replace("<script", '<script data-service="facebook-pixel"'),
    leak.YOUTUBE.replace("<iframe", '<iframe data-purpose="marketing"') + leak.SRCSET,
)
# Variant to its page, and who is asked once everything is permitted
PAGES = {
    "raw": (leak.page(), EVERYONE),
    "annotated": (ANNOTATED, EVERYONE),
    "srcset": (leak.page("", leak.SRCSET), {"Meta Pixel"}),
    "injected by a script": (
        leak.page("", INJECTED),
        {"Google Analytics", "Meta Pixel", "YouTube"},
    ),
}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThirdParties]:
    """The counting stand-ins."""
    needed("openssl")
    with third_parties(tmp_path_factory.mktemp("third")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(parties: ThirdParties, chromium: Browser) -> Iterator[Browser]:
    """A Chromium that takes them for the real ones."""
    kind = chromium.browser_type
    found = kind.launch(executable_path=needed("chromium"), args=[*ARGUMENTS, *parties.arguments])
    yield found
    found.close()


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Four services of the table that ships, hosts and all."""
    file = tmp_path_factory.mktemp("policy") / "consentgate.toml"
    file.write_text(TOML, encoding="utf-8")
    loaded = load_policy(file)
    return replace(
        loaded, ledger=LedgerSettings(url="memory:"), log=LogSettings(access_log="leave")
    )


def unbound(policy: Policy) -> Policy:
    """The same without the additional policy, so that a grant takes effect without a new page."""
    return replace(policy, site=replace(policy.site, csp="off"))


def settled(page: Page) -> None:
    """Wait until nothing is loading any more, and what scripts start has had its time."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)


@pytest.mark.parametrize("variant", PAGES)
def test_nobody_is_asked_until_the_visitor_agrees(
    browser: Browser, parties: ThirdParties, policy: Policy, variant: str
) -> None:
    """No request on the first page and after a refusal; all of them after a grant."""
    body, everyone = PAGES[variant]
    site = Site(pages={"/": body, "/x.gif": ""}, headers={}, policy=policy)
    context = browser.new_context()
    page = context.new_page()
    with serving(site.app()) as base:
        parties.clear()
        page.goto(base + "/")
        settled(page)
        assert parties.asked == []
        page.click("[data-privacy-choice=reject]")
        settled(page)
        page.reload()
        settled(page)
        assert parties.asked == []
        context.clear_cookies()
        page.goto(base + "/")
        with page.expect_navigation():  # the policy that came with the page cannot be loosened
            page.click("[data-privacy-choice=accept]")
        settled(page)
        assert set(parties.hits) == everyone
    context.close()


@pytest.mark.requirement("COL-15", "STO-07")
def test_nobody_is_asked_without_javascript(
    browser: Browser, parties: ThirdParties, policy: Policy
) -> None:
    """The pixels inside ``<noscript>`` are real there: none before, all after the grant."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    with serving(Site(pages={"/": leak.page()}, headers={}, policy=policy).app()) as base:
        parties.clear()
        page.goto(base + "/")
        settled(page)
        page.click("[data-privacy-choice=reject]")
        settled(page)
        assert parties.asked == []
        context.clear_cookies()
        page.goto(base + "/")
        page.click("[data-privacy-choice=accept]")
        settled(page)
        assert {"YouTube", "Google Fonts", "Google Analytics"} <= set(parties.hits)
        assert any("noscript=1" in asked for asked in parties.asked)
    context.close()


def test_what_a_single_page_app_brings_in_later_is_gated_too(
    browser: Browser, parties: ThirdParties, policy: Policy
) -> None:
    """A fragment is gated as it is fetched, and comes alive in place after a grant."""
    load = "fetch('/part').then((r) => r.text()).then((t) => { document.querySelector('h1').insertAdjacentHTML('afterend', t); })"
    pages = {"/": leak.page("", ""), "/part": leak.PIXEL + leak.SRCSET + leak.YOUTUBE}
    context = browser.new_context()
    page = context.new_page()
    with serving(Site(pages=pages, headers={}, policy=unbound(policy)).app()) as base:
        parties.clear()
        page.goto(base + "/")
        until(page, "window.privacyChoices")
        page.evaluate(load)
        page.wait_for_selector("iframe[data-privacy-src]", state="attached")
        settled(page)
        assert parties.asked == []
        page.click("[data-privacy-choice=accept]")
        page.wait_for_selector("iframe[src]", state="attached")
        settled(page)
        assert set(parties.hits) == {"Google Analytics", "Meta Pixel", "YouTube"}
    context.close()


def test_what_is_permitted_comes_alive_in_place(
    browser: Browser, parties: ThirdParties, policy: Policy
) -> None:
    """All tags of the page, without a reload, in the order they stand in."""
    context = browser.new_context()
    page = context.new_page()
    with serving(Site(pages={"/": leak.page()}, headers={}, policy=unbound(policy)).app()) as base:
        parties.clear()
        page.goto(base + "/")
        settled(page)
        assert parties.asked == []
        page.evaluate("window.same = true")
        page.click("[data-privacy-choice=accept]")
        page.wait_for_selector("[data-privacy-done]")
        settled(page)
        assert set(parties.hits) == EVERYONE
        assert page.evaluate("[same, dataLayer.length > 1, fbq.version]") == [True, True, "2.0"]
    context.close()
