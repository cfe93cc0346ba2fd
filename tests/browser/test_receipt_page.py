"""The page that checks a receipt in the browser: strict, alone, and of one mind with the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.ledger.proof.made import ORIGIN
from tests.ledger.proof.receipt_cases import VKEY, broken, receipts, whole

pytestmark = pytest.mark.browser
STATIC = Path(__file__).resolve().parents[2] / "static"
ADDRESS = "https://receipts.example/receipt-verify.html"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """The page, served from the folder; whatever else it asks for is a failure."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        path = STATIC / route.request.url.rpartition("/")[2]
        if route.request.url.startswith("https://receipts.example/receipt-verify."):
            route.fulfill(body=path.read_bytes(), content_type=KINDS[path.suffix])
        else:
            asked.append(route.request.url)
            route.abort()

    context = chromium.new_context()
    context.route("**/*", answer)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(ADDRESS)
    yield opened
    assert [url for url in asked if not url.endswith("/favicon.ico")] == []
    assert faults == []
    context.close()


def choose(page: Page, text: str, key: str = "") -> str:
    """Give the page a receipt as a visitor does; what it says and how."""
    page.fill("#key", key)
    page.evaluate("document.getElementById('verdict').dataset.outcome = ''")
    page.set_input_files(
        "#receipt",
        {"name": "receipt.json", "mimeType": "application/json", "buffer": text.encode()},
    )
    page.wait_for_selector("#verdict:not([data-outcome=''])")
    return page.get_attribute("#verdict", "data-outcome") or ""


def test_a_receipt_is_checked_in_the_browser(page: Page) -> None:
    """A whole one is proven and shown; the same with another purpose is refused with the reason."""
    (text, *_) = [case.text for case in whole()]
    assert choose(page, text) == "proven"
    assert "came with the receipt" in page.inner_text("#verdict")
    assert "statistics: granted" in page.inner_text("#facts")
    assert ORIGIN in page.inner_text("#facts")
    assert choose(page, text, VKEY) == "proven"
    assert "the key that you gave" in page.inner_text("#verdict")
    assert choose(page, text.replace('"cg:granted": true', '"cg:granted": false')) == "refused"
    assert "statement" in page.inner_text("#verdict")
    assert page.inner_text("#facts") == ""


def test_what_only_the_operator_can_check_is_told(page: Page) -> None:
    """A checkpoint with a keyed hash is neither proven nor refused."""
    (text,) = [case.text for case in whole() if case.name == "by a keyed hash"]
    assert choose(page, text) == "unsigned"
    assert "Only the operator can" in page.inner_text("#verdict")


def test_the_browser_judges_as_the_command_does(page: Page) -> None:
    """Its own cryptography, not Node's: every receipt of the tests, to the rule."""
    cases = [*whole(), *broken()]
    told = page.evaluate(
        """cases => Promise.all(cases.map(([text, keys]) => privacyReceipt.check(text, keys)
        .then(found => [found.broken, found.signedBy])))""",
        [(case.text, case.keys) for case in cases],
    )
    found = {case.name: tuple(one) for case, one in zip(cases, told, strict=True)}
    assert found == {case.name: (case.broken, case.signed_by) for case in cases}


def test_markup_in_a_receipt_is_text(page: Page) -> None:
    """A receipt is somebody's file: nothing in it runs."""
    from tests.events import grant

    (text,) = receipts([grant(policy_version="<img src=x onerror=alert(1)>")])
    assert choose(page, text) == "proven"
    assert "<img" in page.inner_text("#facts")
    assert page.locator("img").count() == 0
