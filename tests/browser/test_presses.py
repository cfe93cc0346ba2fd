"""No press is lost: on the way to another page, without a network, in other tabs, while typing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.site import POLICY, Site, document, serving, settings, until
from tests.programs import needed

pytestmark = pytest.mark.browser
ASK = "[data-privacy-note]"
REJECT = "[data-privacy-note] [data-privacy-choice=reject]"
ACCEPT = "[data-privacy-note] [data-privacy-choice=accept]"
READY = "window.privacyChoices"
PAGES = {"/": document('<p><a href="/next" id="next">Next</a></p><input id="typed">'), "/next": document("next")}  # fmt: skip


def site(**changes: Any) -> Site:
    """Two pages, the first with a link and a field."""
    return Site(pages=PAGES, headers={}, policy=settings(**changes) if changes else POLICY)


def test_a_choice_outlives_the_page_it_was_made_on(chromium: Browser) -> None:
    """Reject, then a link 0.3 s later at 1.5 s latency: the jar has it, and the note goes."""
    with serving(site().app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(base + "/")
        until(page, READY)
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        slow = {
            "offline": False,
            "latency": 1_500,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        }
        network.send("Network.emulateNetworkConditions", slow)
        page.click(REJECT)
        assert page.get_attribute(ASK, "aria-busy") == "true"
        page.wait_for_timeout(300)
        page.evaluate("document.querySelector('#next').click()")
        page.wait_for_url("**/next")
        page.wait_for_selector(ASK, state="detached")
        assert [cookie["name"] for cookie in context.cookies()] == ["choices"]
        context.close()


def test_a_press_without_a_network_is_answered_where_it_was_made(chromium: Browser) -> None:
    """The page stays, an alert can be read, and the next press works."""
    with serving(site().app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(base + "/")
        until(page, READY)
        context.set_offline(True)
        page.click(REJECT)
        page.wait_for_selector("[data-privacy-problem]:visible")
        assert page.get_attribute(ASK, "aria-busy") is None
        context.set_offline(False)
        page.click(REJECT)
        page.wait_for_selector(ASK, state="detached")
        context.close()


def test_a_choice_that_no_cookie_keeps_is_not_called_saved(chromium: Browser) -> None:
    """Cookies are blocked: the note stays and says that it did not work."""
    with serving(site().app()) as base:
        context = chromium.new_context()
        page = context.new_page()

        def without_cookies(route: Any) -> None:
            answer = route.fetch(headers={**route.request.headers, "cookie": ""})
            headers = {k: v for k, v in answer.headers.items() if k != "set-cookie"}
            route.fulfill(response=answer, headers=headers)

        page.route("**/privacy-choices**", without_cookies)
        page.goto(base + "/")
        until(page, READY)
        page.click(ACCEPT)
        page.wait_for_selector("[data-privacy-problem]:visible")
        assert page.evaluate("privacyChoices.allows('marketing')") is False
        page.unroute_all(behavior="ignoreErrors")
        context.close()


def test_other_tabs_of_the_site_follow(chromium: Browser) -> None:
    """A refusal in one tab takes the note out of another."""
    with serving(site().app()) as base:
        context = chromium.new_context()
        one, two = context.new_page(), context.new_page()
        for page in (two, one):
            page.goto(base + "/")
            until(page, READY)
        one.click(REJECT)
        two.wait_for_selector(ASK, state="detached")
        assert two.evaluate("privacyChoices.state.decided") is True
        context.close()


def test_accept_keeps_what_was_typed(chromium: Browser) -> None:
    """Nothing on the page waits for the grant, so it is not loaded anew."""
    with serving(site(csp="enforce").app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(base + "/")
        until(page, READY)
        page.evaluate("document.querySelector('#typed').value = 'a long letter'; window.same = 1")
        page.click(ACCEPT)
        page.wait_for_selector(ASK, state="detached")
        page.wait_for_timeout(300)
        assert page.evaluate("[window.same, document.querySelector('#typed').value]") == [1, "a long letter"]  # fmt: skip
        context.close()


RULE = {
    "name": "consentgate",
    "detectCmp": [{"exists": ASK}],
    "detectPopup": [{"visible": ASK}],
    "optIn": [{"waitForThenClick": ACCEPT}],
    "optOut": [{"waitForThenClick": REJECT}],
    "test": [{"visible": ASK, "check": "none"}],
}
"""The rule of docs/banner.md."""
RELEASE = "@duckduckgo/autoconsent@16.23.0"


@pytest.mark.slow
def test_autoconsent_presses_reject(chromium: Browser, tmp_path: Path) -> None:
    """The unmodified npm release, with the rule from the docs, refuses in one press."""
    needed("npm")
    command = ["npm", "pack", "--silent", "--pack-destination", str(tmp_path), RELEASE]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shutil.unpack_archive(next(tmp_path.glob("*.tgz")), tmp_path, filter="data")
    script = (tmp_path / "package/dist/autoconsent.playwright.js").read_text("utf-8")
    config = {"enabled": True, "autoAction": "optOut", "disabledCmps": [], "enablePrehide": True, "detectRetries": 20}  # fmt: skip
    with serving(site().app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            said.append(message["type"])
            if message["type"] == "init":
                answer = {"type": "initResp", "config": config, "rules": {"autoconsent": [RULE]}}
                page.evaluate(f"autoconsentReceiveMessage({json.dumps(answer)})")

        page.expose_function("autoconsentSendMessage", hear)
        page.goto(base + "/")
        page.evaluate(script)
        page.wait_for_selector(ASK, state="detached")
        assert page.evaluate("privacyChoices.allows('marketing')") is False
        assert "optOutResult" in said
        context.close()
