"""The demo shop in a real browser, judged by what its server, its stand-ins and its disk got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.middleware import Middleware

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.events import Event, State
from consentgate.domain.policy.policy import LedgerSettings
from consentgate.ledger.opening import open_ledger
from examples.fastapi_app.app import POLICY, make_app
from examples.fastapi_app.standins import NAMES, StandIns, running
from tests.browser.site import serving

pytestmark = pytest.mark.browser

EVERYONE = set(NAMES.values())
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
"""A headless browser says what it is, and is noted as a machine."""
OPERATIONAL = {
    "ts", "grain", "kind", "tier", "v", "method", "route", "status", "bytes", "dur_us", "ref_class", "device", "entry",
    "suspect",
}  # fmt: skip
"""What a line may hold of a visitor who granted nothing."""


@dataclass
class Demo:
    """The running demo, and everything that it leaves behind."""

    base: str
    folder: Path
    standins: StandIns
    shown: list[set[str]] = field(default_factory=list)
    """Names of the cookies that the app got, request by request."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every line of the site log."""
        lines = (
            json.loads(line)
            for path in sorted(self.folder.rglob("ev-*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
        )
        return [record for record in lines if "tier" in record]

    @property
    def events(self) -> list[Event]:
        """Every event of the ledger, read from its file."""
        ledger = open_ledger(self.ledger)
        try:
            return list(ledger.events())
        finally:
            ledger.close()

    @property
    def ledger(self) -> str:
        """Where the ledger is."""
        return f"sqlite:{self.folder}/ledger.sqlite3"

    def last_tier(self, route: str) -> str:
        """How much the newest line of a route was allowed to hold."""
        return str([record for record in self.records if record.get("route") == route][-1]["tier"])

    def bytes_on_disk(self) -> bytes:
        """Everything that was written anywhere."""
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    """The shop as ``make demo`` serves it, with its files in a folder of the test."""
    monkeypatch.setenv("CONSENTGATE_ENV", "development")
    policy = load_policy(POLICY)
    policy = replace(
        policy,
        log=replace(policy.log, directory=str(tmp_path), access_log="leave"),
        ledger=LedgerSettings(url=Demo("", tmp_path, StandIns()).ledger),
    )
    with running() as standins:
        app = make_app(standins.addresses, policy=policy)
        found = Demo("", tmp_path, standins)
        app.user_middleware.append(Middleware(Watch, demo=found))  # the last is innermost
        with serving(app) as base:
            found.base = base
            yield found


class Watch:
    """Stands where the app stands, and notes which cookies reach it."""

    def __init__(self, app: Any, demo: Demo) -> None:
        self.app = app
        self.demo = demo

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] != "/favicon.ico":
            fields = [value for name, value in scope["headers"] if name == b"cookie"]
            pieces = b"; ".join(fields).split(b"; ")
            self.demo.shown.append({piece.partition(b"=")[0].decode() for piece in pieces} - {""})
        await self.app(scope, receive, send)


@pytest.fixture(params=[True, False], ids=["with JavaScript", "JavaScript off"])
def visitor(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A browser of a visitor who has never been here."""
    context = chromium.new_context(java_script_enabled=request.param, user_agent=PERSON)
    yield context.new_page()
    context.close()


def jar(context: BrowserContext) -> set[str]:
    """Names of every cookie in the browser, whoever set it."""
    return {cookie["name"] for cookie in context.cookies()}


def open_page(page: Page, address: str) -> None:
    """Go there and wait until nothing more is loaded."""
    page.goto(address, wait_until="networkidle")


def answer(page: Page, demo: Demo, choice: str) -> None:
    """Press a button; only a refusal by script leaves the page where it is.

    What a grant permits, the policy sent with the page still holds back: it comes anew.
    """
    expected = len(demo.events) + 1
    button = f"[data-privacy-choice={choice}]"
    if choice == "reject" and page.evaluate("'privacyChoices' in window"):
        page.click(button)
        page.wait_for_selector("[data-privacy-note]", state="detached")
    else:
        with page.expect_navigation(wait_until="networkidle"):
            page.click(button)
    assert len(demo.events) == expected


@pytest.mark.requirement("CKE-01", "COL-01", "WDR-03")
def test_a_first_visit_leaves_what_is_necessary(visitor: Page, demo: Demo) -> None:
    """One cookie, no third party asked, a line that identifies nobody, no event."""
    open_page(visitor, demo.base + "/?email=jane%40example.com")
    open_page(visitor, demo.base + "/product/1")
    assert jar(visitor.context) == {"session"}
    assert demo.standins.hits == {}
    assert demo.shown == [set(), {"session"}]
    assert {record["tier"] for record in demo.records} == {"T0"}
    assert set().union(*demo.records) <= OPERATIONAL
    assert demo.events == []
    assert b"127.0.0.1" not in demo.bytes_on_disk()
    assert b"jane" not in demo.bytes_on_disk()


@pytest.mark.requirement("REC-05", "REC-06", "WDR-08")
def test_rejecting_leaves_a_refusal_and_nothing_else(visitor: Page, demo: Demo) -> None:
    """The jar: the session and the choice. The ledger: one refusal of nobody. The log: T0."""
    open_page(visitor, demo.base + "/")
    answer(visitor, demo, "reject")
    open_page(visitor, demo.base + "/about")
    assert jar(visitor.context) == {"session", "choices"}
    assert demo.standins.hits == {}
    assert set().union(*demo.shown) == {"session"}
    (event,) = demo.events
    assert event.state is State.REFUSED
    assert not any(event.purposes.values())
    assert event.subject == ""
    assert {record["tier"] for record in demo.records} == {"T0"}
    assert set().union(*demo.records) <= OPERATIONAL
    assert visitor.query_selector("[data-privacy-note]") is None
    left = demo.bytes_on_disk()
    for trace in (b"127.0.0.1", b"Mozilla", b"X11"):
        assert trace not in left


def test_accepting_brings_everything_back(visitor: Page, demo: Demo) -> None:
    """Every third party is asked, the visit counter is set and read, the log may count."""
    open_page(visitor, demo.base + "/")
    answer(visitor, demo, "accept")
    open_page(visitor, demo.base + "/")
    assert set(demo.standins.hits) == EVERYONE
    assert jar(visitor.context) >= {"session", "choices", "visitor_id"}
    open_page(visitor, demo.base + "/about")
    assert demo.shown[-1] == {"session", "visitor_id"}
    assert demo.last_tier("/about") == "T1"
    (event,) = demo.events
    assert event.state is State.GIVEN
    assert event.subject


@pytest.mark.requirement("WDR-02", "WDR-03", "WDR-05", "WDR-10")
def test_withdrawing_takes_it_all_away_at_once(visitor: Page, demo: Demo) -> None:
    """The HttpOnly counter is gone with the answer itself; nobody is asked from then on."""
    open_page(visitor, demo.base + "/")
    answer(visitor, demo, "accept")
    open_page(visitor, demo.base + "/")
    main = visitor.inner_text("main ul")
    open_page(visitor, demo.base + "/privacy-choices")
    answer(visitor, demo, "withdraw")
    own = {cookie["name"] for cookie in visitor.context.cookies(demo.base)}
    assert own == {"session", "choices"}
    before = dict(demo.standins.hits)
    open_page(visitor, demo.base + "/")
    assert visitor.inner_text("main ul") == main  # the shop is as it was
    open_page(visitor, demo.base + "/privacy-choices")
    assert demo.standins.hits == before
    assert demo.shown[-1] == {"session"}
    assert [event.state for event in demo.events] == [State.GIVEN, State.WITHDRAWN]
    assert demo.last_tier("/") == "T0"
    assert "refused" in visitor.inner_text(".pc-now").lower()


@pytest.mark.requirement("SIG-04")
def test_a_signal_counts_in_the_very_first_answer(chromium: Browser, demo: Demo) -> None:
    """Global Privacy Control: no third party is asked, before any choice and without asking."""
    context = chromium.new_context(extra_http_headers={"Sec-GPC": "1"})
    page = context.new_page()
    open_page(page, demo.base + "/")
    assert demo.standins.hits == {}
    assert jar(context) == {"session"}
    context.close()


def test_side_by_side_shows_one_visit_twice(chromium: Browser, demo: Demo) -> None:
    """Gate off: the shop as it is. Gate on: what is necessary, and the expiry of the rest."""
    page = chromium.new_page()
    open_page(page, demo.base + "/side-by-side")
    rows = {
        row.query_selector("th").inner_text(): [  # type: ignore[union-attr]
            cell.inner_text() for cell in row.query_selector_all("td")
        ]
        for row in page.query_selector_all("tbody tr")
    }
    assert set(rows["Third parties contacted"][0].split("\n")) == EVERYONE
    assert rows["Third parties contacted"][1] == "nothing"
    assert "visitor_id=77f3" in rows["Cookies the app could read"][0]
    assert rows["Cookies the app could read"][1] == "session=ab12"
    assert "Max-Age=31536000" in rows["Cookies set or removed"][0]
    kept = [
        line for line in rows["Cookies set or removed"][1].split("\n") if "Max-Age=0" not in line
    ]
    assert kept == []
    assert "198.51.100.7" in rows["Access log"][0]
    assert set(json.loads(rows["Access log"][1])) <= OPERATIONAL
    page.close()
