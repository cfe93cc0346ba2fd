"""Interest in features, told by a real browser: what the server wrote, and what it did not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from consentgate.domain.policy.interests import Interest
from consentgate.domain.policy.policy import LogSettings
from tests.browser.site import LINKS, POLICY, STRICT, Site, document, serving, until
from tests.log.written import records_in, sums_in

pytestmark = pytest.mark.browser

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
"""A person's: the browser of the tests calls itself a machine, whose clicks count for nothing."""
BODY = f"""
<h2 data-interest="pricing">Prices</h2>
<a href="/next" data-interest="export_clicked" data-interest-plan="pro" data-interest-who="jane@example.com">Export</a>
<button id="inner" type="button" data-interest="nobody_declared_this">Secret</button>
<button id="plain" type="button"><span data-interest="pricing"><b id="deep">deep</b></span></button>
<form action="/next" data-interest="signup"><input name="a" aria-label="a"><button id="send">Send</button></form>
{LINKS}
<section id="far" data-interest="footer_seen" data-interest-seen>The end</section>
"""
EVENTS = (
    Interest(name="pricing"),
    Interest(name="signup"),
    Interest(name="footer_seen"),
    Interest(name="export_clicked", properties={"plan": ("free", "pro")}),
)
NOTHING_KEPT = """JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie,
  await indexedDB.databases(), await caches.keys()])"""


@dataclass
class Visit:
    """A page that a visitor has open, and the folder that the server writes to."""

    page: Page
    folder: Path
    close: Callable[[], None]

    def accept(self) -> None:
        """Grant everything."""
        self.page.click("[data-privacy-choice=accept]")
        self.page.wait_for_selector("[data-privacy-done]")

    def records(self) -> list[dict[str, Any]]:
        """Records of interest that the server wrote."""
        return [record for record in records_in(self.folder) if "event" in record]


@contextmanager
def visiting(
    chromium: Browser,
    folder: Path,
    *,
    mode: str = "operational",
    agent: str = AGENT,
    **context: Any,
) -> Iterator[Visit]:
    """Open the site; every report has reached the server when ``close`` returns."""
    log = LogSettings(directory=str(folder), access_log="leave", events=EVENTS, signals_mode=mode)
    policy = replace(POLICY, log=log)
    site = Site(pages={"/": document(BODY), "/next": document("next")}, policy=policy)
    gate = site.app()
    taken: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await gate(scope, receive, send)
        if scope["type"] == "http" and scope["path"].endswith("/events"):
            taken.append(scope["path"])

    with serving(app) as base:
        visitor = chromium.new_context(user_agent=agent, **context)
        page = visitor.new_page()
        page.add_init_script(
            "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective));"
        )
        sent: list[str] = []
        visitor.on("request", lambda r: sent.append(r.url) if r.url.endswith("/events") else None)
        page.goto(base + "/")

        def close() -> None:
            ends = time.monotonic() + 10
            while len(taken) < len(sent):
                assert time.monotonic() < ends, (taken, sent)
                page.wait_for_timeout(20)
            visitor.close()
            gate.close()  # type: ignore[attr-defined]

        yield Visit(page, folder, close)


def test_a_click_of_a_consenting_visitor_is_a_record(chromium: Browser, tmp_path: Path) -> None:
    """T1: the name and the declared property; what is not declared is nowhere on disk."""
    with visiting(chromium, tmp_path) as visit:
        visit.accept()
        visit.page.click("text=Export")
        visit.page.wait_for_url("**/next")
        visit.close()
        (record,) = visit.records()
        assert record["event"] == "export_clicked"
        assert record["props"] == {"plan": "pro"}
        assert (record["tier"], record["path"]) == ("T1", "/")
        assert not {"method", "status", "bytes", "dur_us", "ref_class"} & set(record)
        written = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
        assert "jane" not in written
        assert "pricing" not in written


def test_a_click_of_anybody_else_is_a_sum(chromium: Browser, tmp_path: Path) -> None:
    """T0: no record at all, one more in the day's sum."""
    with visiting(chromium, tmp_path) as visit:
        visit.page.click("#deep")
        visit.page.click("text=Prices")
        visit.page.click("#inner")
        visit.close()
        assert visit.records() == []
        assert sums_in(tmp_path, "event") == {"pricing": 2}
        assert not [r for r in records_in(tmp_path) if r["method"] == "POST"]


def test_forms_middle_clicks_and_what_is_seen(chromium: Browser, tmp_path: Path) -> None:
    """A form counts when it is sent, a link also in a new tab, a section when half of it is seen."""
    with visiting(chromium, tmp_path) as visit:
        visit.page.click("[name=a]")
        visit.page.click("text=Export", button="middle")
        visit.page.mouse.wheel(0, 6_000)
        until(visit.page, "scrollY > 900")
        visit.page.mouse.wheel(0, -6_000)
        until(visit.page, "scrollY < 100")
        visit.page.mouse.wheel(0, 6_000)
        until(visit.page, "scrollY > 900")
        visit.page.click("#send")
        visit.page.wait_for_url("**/next?a=")
        visit.close()
        assert sums_in(tmp_path, "event") == {"export_clicked": 1, "footer_seen": 1, "signup": 1}


@pytest.mark.requirement("LOG-15")
@pytest.mark.parametrize(
    ("mode", "sums"), [("operational", {}), ("drop", {}), ("as-none", {"pricing": 1})]
)
def test_a_signal_is_heard_before_anything_is_sent(
    chromium: Browser, tmp_path: Path, mode: str, sums: dict[str, int]
) -> None:
    """With GPC the page has no script for it, unless the policy says that signals mean nothing here."""
    headers = {"sec-gpc": "1"}
    with visiting(chromium, tmp_path, mode=mode, extra_http_headers=headers) as visit:
        is_there = visit.page.evaluate("!!window.privacyInterest")
        assert is_there is bool(sums)
        visit.page.click("text=Prices")
        visit.close()
        assert sums_in(tmp_path, "event") == sums
        assert visit.records() == []


def test_nothing_is_kept_in_the_browser(chromium: Browser, tmp_path: Path) -> None:
    """No storage, no cookie, no broken rule of a strict Content-Security-Policy."""
    with visiting(chromium, tmp_path) as visit:
        visit.page.click("text=Prices")
        assert visit.page.evaluate("window.broken") == []
        kept = json.loads(visit.page.evaluate(f"(async () => {NOTHING_KEPT})()"))
        assert kept == [[], [], "", [], []]
        assert "require-trusted-types-for" in STRICT
        visit.close()


def test_without_javascript_nothing_is_told(chromium: Browser, tmp_path: Path) -> None:
    """The page works the same, and no interest is noted."""
    with visiting(chromium, tmp_path, java_script_enabled=False) as visit:
        visit.page.click("text=Prices")
        visit.page.click("text=Export")
        visit.page.wait_for_url("**/next")
        visit.close()
        assert sums_in(tmp_path, "event") == {}
        assert visit.records() == []


def test_a_machine_tells_nothing(chromium: Browser, tmp_path: Path) -> None:
    """A browser that says it is automated counts for nothing, whatever it clicks."""
    with visiting(chromium, tmp_path, agent=AGENT.replace("Chrome", "HeadlessChrome")) as visit:
        visit.page.click("text=Prices")
        visit.close()
        assert sums_in(tmp_path, "event") == {}
        assert visit.records() == []


def test_scripts_cannot_click_for_a_visitor(chromium: Browser, tmp_path: Path) -> None:
    """Only what a person does counts; elements that come later count too."""
    with visiting(chromium, tmp_path) as visit:
        visit.page.evaluate("document.querySelector('h2').click()")
        visit.page.evaluate(
            "document.body.prepend(Object.assign(document.createElement('p'), {textContent: 'Late'}))"
        )
        visit.page.evaluate("document.querySelector('p').setAttribute('data-interest', 'signup')")
        visit.page.click("text=Late")
        visit.close()
        assert sums_in(tmp_path, "event") == {"signup": 1}
