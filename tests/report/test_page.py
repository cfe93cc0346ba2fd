"""The report as one page: it asks nobody for anything, runs nothing, and says everything twice."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from consentgate.report.making import Made, make_reports
from consentgate.report.page.charts import heat, lines
from consentgate.report.page.page import as_page, span_of
from consentgate.report.periods import Period
from tests.programs import needed
from tests.report.traffic import Traffic, write_log


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All reports of two weeks."""
    first = dt.date(2026, 11, 1)
    layout = write_log(tmp_path_factory.mktemp("weeks"), Traffic(5), first, 14, 150)
    period = Period(first, dt.date(2026, 11, 14))
    return make_reports(layout, period, site='Tea & <b>"Pots"</b>', filters={"device": "mobile"})


def test_the_page_is_alone(made: Made) -> None:
    """No script, no address to fetch from, no style but its own, which the policy names by hash."""
    text = as_page(made).decode()
    assert "<script" not in text
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)
    assert " style=" not in text
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text
    assert "Pots</b>" not in text
    assert "Tea &amp; &lt;b&gt;" in text


def test_every_report_has_a_table_and_its_coverage(made: Made) -> None:
    """Also beside a chart; a chart says in words what it shows."""
    text = as_page(made).decode()
    for table in made.tables:
        if table.name == "overview":
            continue
        section = (
            text.partition(f'<section class="card{""}')[2] and text.split(f'id="{table.name}"')[1]
        )
        section = section.partition("</section>")[0]
        assert table.question.replace("'", "&#39;") in section
        assert "Rests on:" in section
        assert "<table>" in section or "Nothing that may be shown" in section
    assert 'role="img" aria-label="Day by day, 2026-11-01 to 2026-11-14; Visits: ' in text


def test_charts_bear_nothing() -> None:
    """No day, one day, and numbers that are all the same."""
    assert "<svg" in lines([], [("Visits", [])], "Empty")
    assert "<svg" in lines(["2026-11-01"], [("Visits", [0])], "One")
    assert 'aria-label="Empty"' in heat([("Monday", [0] * 24)], "Empty")


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        ("2026-11-01", "2026-11-30", "1 to 30 November 2026"),
        ("2026-11-01", "2026-11-01", "1 November 2026"),
        ("2026-10-30", "2026-11-02", "30 October to 2 November 2026"),
        ("2025-12-30", "2026-01-02", "30 December 2025 to 2 January 2026"),
    ],
)
def test_days_are_written_as_people_do(since: str, until: str, text: str) -> None:
    """In words, as short as they may be."""
    assert span_of(Period(dt.date.fromisoformat(since), dt.date.fromisoformat(until))) == text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_used_by_everyone(made: Made, scheme: str, tmp_path: Path) -> None:
    """axe finds nothing in either colours; nothing is wider than a phone; no policy is broken."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_bytes(as_page(made))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needed("chromium"), args=["--no-sandbox"]
        )
        context = browser.new_context(
            viewport={"width": 390, "height": 800}, color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        page.goto(path.as_uri())
        found = Axe().run(page)
        assert found.response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        strict, told = browser.new_page(color_scheme=scheme), []
        strict.on("console", lambda message: told.append(message.text))
        strict.goto(path.as_uri())
        assert told == []
        browser.close()
