"""Frames with scripts on: a page of another site cannot have a visitor grant anything unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

from tests.browser.site import POLICY, Site, document, serving, settings
from tests.browser.test_restore import HOLD, held

pytestmark = pytest.mark.browser


def framing(address: str) -> Any:
    """Another site's page that lays one of ours into a frame."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        page = HTMLResponse(
            f'<!doctype html><iframe src="{address}" width=900 height=900></iframe>'
        )
        await page(Request(scope).scope, receive, send)

    return app


@pytest.mark.requirement("SEC-10")
@pytest.mark.parametrize("button", ["[data-privacy-choice=accept]", "[value=always]"])
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_nothing_is_granted_from_a_frame(chromium: Browser, button: str, has_script: bool) -> None:
    """Not by the first layer of a page that caches share, nor by a placeholder."""
    is_shared = button != "[value=always]"
    policy = settings(cache="shared") if is_shared else POLICY
    shop = Site(policy=replace(policy))
    gate: Any = shop.app()
    notice = gate.assembly.pages.notice("en", shop.regime)[0]
    frame = held("iframe", 'title="A film" data-privacy-src="/film"', "film")
    hold = "" if is_shared else HOLD.replace("{notice}", notice) + frame
    shop.pages["/"] = document(hold)
    with serving(gate) as base, serving(framing(base + "/")) as other:
        context = chromium.new_context(java_script_enabled=has_script)
        page = context.new_page()
        page.goto(other.replace("127.0.0.1", "localhost") + "/")
        inner = page.frames[1]
        inner.wait_for_load_state("load")
        if has_script or not is_shared:
            inner.wait_for_selector(button, state="visible")
        found = inner.query_selector(button)
        if found is not None and found.is_visible():
            with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
                found.click()
            assert posted.value.status == 403
        assert list(gate.assembly.proof.ledger.events()) == []
        context.close()


@pytest.mark.requirement("SEC-10")
@pytest.mark.parametrize("path", ["", "/disclosure", "/notices"])
def test_our_own_pages_stand_in_no_frame(chromium: Browser, path: str) -> None:
    """Each says so, and the browser obeys."""
    with serving(Site(pages={"/": document()}).app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        answer = page.goto(f"{base}/privacy-choices{path}")
        assert answer is not None
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        with serving(framing(f"{base}/privacy-choices{path}")) as other:
            page.goto(other.replace("127.0.0.1", "localhost") + "/")
            assert "Privacy" not in page.frames[1].content()
        context.close()
