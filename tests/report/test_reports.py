"""Reports against traffic whose true counts are known, whole and damaged."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from consentgate.errors import LogError, SettingError
from consentgate.log.keeping.retention import Limits, prune
from consentgate.log.writing.layout import Layout
from consentgate.report.disclosure import Disclosure
from consentgate.report.making import QUESTIONS, REPORTS, Made, make_reports
from consentgate.report.outputs.documents import as_csv, as_json, as_parquet, as_text
from consentgate.report.periods import Period, period_of
from tests.report.traffic import Traffic, Truth, write_log

FIRST = dt.date(2026, 11, 1)
NOVEMBER = Period(FIRST, dt.date(2026, 11, 30))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Truth]:
    """A log of November, and what is true of it."""
    traffic = Traffic(7)
    layout = write_log(tmp_path_factory.mktemp("month"), traffic, FIRST, 30, 120)
    return layout, traffic.truth


def exact(layout: Layout, *names: str, **options: object) -> Made:
    return make_reports(layout, NOVEMBER, names, disclosure=Disclosure.exact(), **options)  # type: ignore[arg-type]


def counts(made: Made, name: str, column: str) -> dict[str, int]:
    """Value to one number of a report."""
    (table,) = (one for one in made.tables if one.name == name)
    at = [one.name for one in table.columns].index(column)
    width = sum(one.name in ("value", "value2") for one in table.columns)
    return {"\t".join(map(str, row[:width])): row[at] for row in table.rows if row[at]}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("report", "column", "measure"),
    [
        ("pages", "views", "views"),
        ("sources", "visits", "visits.source"),
        ("devices", "visits", "visits.device"),
        ("countries", "visits", "visits.country"),
        ("languages", "visits", "visits.lang"),
        ("browsers", "visits", "visits.browser"),
        ("systems", "visits", "visits.os"),
        ("referrers", "visits", "visits.host"),
        ("ai", "machines", "bots"),
        ("features", "events", "events"),
        ("flows", "views", "flow"),
    ],
)
def test_known_answers(report: str, column: str, measure: str, month: tuple[Layout, Truth]) -> None:
    """Without rounding each report says what is true."""
    layout, truth = month
    expected = truth.of(measure)
    if report == "ai":
        expected = {name: n for name, n in expected.items() if name in ("GPTBot", "ClaudeBot")}
    assert counts(exact(layout, report), report, column) == expected


def test_the_overview_is_true(month: tuple[Layout, Truth]) -> None:
    """Visits, page views, whole visits and requests of machines."""
    layout, truth = month
    made = exact(layout, "overview", "entries", "sessions", "consent", "signals")
    figures = counts(made, "overview", "number")
    assert figures["Visits"] == truth.counts["visits", ""]
    assert figures["Page views"] == sum(truth.of("views").values())
    whole = sum(n for size, n in counts(made, "sessions", "visits").items() if "page" in size)
    assert 0 <= truth.counts["sessions", ""] - whole < truth.counts["sessions", ""] / 50
    funnel = counts(made, "consent", "accepted")
    assert funnel["All\tall"] == truth.counts["act.accepted", ""]
    assert counts(made, "signals", "visits") == {"Global Privacy Control": truth.counts["gpc", ""]}


def test_rounded_numbers_are_near_the_truth(month: tuple[Layout, Truth]) -> None:
    """A whole month is one block, so a number is off by less than one step, and small ones go."""
    layout, truth = month
    made = make_reports(layout, NOVEMBER, ["pages", "countries", "overview"])
    for report, column, measure in (
        ("pages", "views", "views"),
        ("countries", "visits", "visits.country"),
    ):
        expected, found = truth.of(measure), counts(made, report, column)
        assert all(abs(found[name] - expected[name]) < 5 for name in found if name != "(other)")
        assert not [name for name in found if expected.get(name, 5) < 5]
        assert all(number % 5 == 0 for number in found.values())


def test_a_report_says_the_same_each_time(month: tuple[Layout, Truth]) -> None:
    """The chance is fixed: nothing is learnt by asking again."""
    layout, _ = month
    one, other = (make_reports(layout, NOVEMBER).tables for _ in range(2))
    assert one == other


def test_pruned_rows_are_still_reported(tmp_path: Path) -> None:
    """Names and rows go; visits, pages, sources and whole visits are known by their sums."""
    traffic = Traffic(3)
    layout = write_log(tmp_path, traffic, FIRST, 6, 400)
    period = Period(FIRST, dt.date(2026, 11, 6))
    names = ["overview", "pages", "sources", "countries", "latency", "sessions"]
    before = make_reports(layout, period, names, disclosure=Disclosure.exact())
    limits = Limits("2026-11-30", "2026-01-01", "2026-11-30", "", {
        name: "" for name in ("rows", "visitors", "sums", "dnt")})  # fmt: skip
    list(prune(layout, limits))
    assert not list(layout.parts())
    after = make_reports(layout, period, names, disclosure=Disclosure.exact())
    figures = [counts(made, "overview", "number") for made in (before, after)]
    for name in ("Visits", "Page views", "Visitors, day by day", "Pages a visit"):
        assert figures[0][name] == figures[1][name]
    assert counts(before, "sources", "visits") == counts(after, "sources", "visits")
    assert counts(before, "sessions", "visits") == counts(after, "sessions", "visits")
    routes = counts(before, "pages", "views"), counts(after, "pages", "views")
    assert sum(routes[0].values()) == sum(routes[1].values())
    p95 = [counts(made, "latency", "p95")["all"] for made in (before, after)]
    assert p95[0] * 0.85 <= p95[1] <= p95[0]


def test_the_site_s_own_day_counts(tmp_path: Path) -> None:
    """Half past eleven at night in UTC is tomorrow in Kolkata, five and a half hours ahead."""
    layout = write_log(tmp_path, Traffic(3), FIRST, 2, 300)
    utc = exact(layout, "days")
    india = exact(layout, "days", zone="Asia/Kolkata")
    first = [counts(made, "days", "visits")["2026-11-01"] for made in (utc, india)]
    assert first[1] < first[0]
    assert counts(india, "days", "visits").get("2026-11-03", 0) > 0
    with pytest.raises(SettingError, match="no such zone"):
        exact(layout, "days", zone="Mars/Olympus")


def test_a_filter_narrows(month: tuple[Layout, Truth]) -> None:
    """Only rows of that value; sums cannot be narrowed, and the coverage says so."""
    layout, truth = month
    made = exact(layout, "devices", "countries", filters={"device": "mobile"})
    assert counts(made, "devices", "visits") == {"mobile": truth.of("visits.device")["mobile"]}
    assert "sums are not narrowed" in made.tables[0].coverage
    with pytest.raises(SettingError, match="no such filter"):
        exact(layout, "devices", filters={"mood": "good"})


def damaged(layout: Layout) -> None:
    """A footer cut off, and pages overwritten."""
    one, other = [path for _, path in layout.parts()][:2]
    one.write_bytes(one.read_bytes()[:-20])
    content = bytearray(other.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    other.write_bytes(content)


def test_a_damaged_file_is_named_and_the_rest_reported(tmp_path: Path) -> None:
    """A clear line for each, and the numbers of the other days."""
    layout = write_log(tmp_path, Traffic(3), FIRST, 4, 100)
    whole = counts(exact(layout, "overview"), "overview", "number")["Visits"]
    damaged(layout)
    made = exact(layout, "overview")
    assert sum("cannot be read" in problem for problem in made.problems) == 2
    assert 0 < counts(made, "overview", "number")["Visits"] < whole


def test_missing_days_are_named(month: tuple[Layout, Truth]) -> None:
    """Days of which there is nothing are no days without visits."""
    layout, _ = month
    made = make_reports(layout, Period(FIRST, dt.date(2026, 12, 2)), ["days"])
    assert made.problems == ["2 of 32 days have no rows: 2026-12-01, 2026-12-02"]


def test_old_and_new_rows_are_reported_together(tmp_path: Path) -> None:
    """A part of cg1, a part of today and a segment that is being written: one report."""
    layout = write_log(tmp_path, Traffic(3), FIRST, 1, 60)
    visits = counts(exact(layout, "overview"), "overview", "number")["Visits"]
    old = {"ts": "2026-11-01T14Z", "tier": "T0", "method": "GET", "route": "/", "status": 200,
           "ref": "search", "entry": True}  # fmt: skip
    folder = layout.events / "day=2026-11-01"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([old]), folder / "part-2.parquet")
    (layout.live / "ev-h-1-1.jsonl").write_text('{"schema":"cg1"}\n' + json.dumps(old) + "\n")
    made = exact(layout, "overview", "sources")
    assert counts(made, "overview", "number")["Visits"] == visits + 2


def test_an_empty_log_is_no_fault(tmp_path: Path) -> None:
    """Every report is made, and says that there is nothing; no log at all is one clear error."""
    layout = Layout.of(tmp_path / "log")
    with pytest.raises(LogError, match="no site log is there yet"):
        make_reports(layout, NOVEMBER)
    layout.prepare()
    made = make_reports(layout, NOVEMBER)
    assert [table.name for table in made.tables] == list(REPORTS)
    assert "30 of 30 days have no rows" in made.problems[0]
    assert as_text(made)


def test_every_output_says_the_same(month: tuple[Layout, Truth]) -> None:
    """JSON, CSV, Parquet and text hold the same numbers."""
    layout, _ = month
    made = make_reports(layout, NOVEMBER, ["sources"])
    found = counts(made, "sources", "visits")
    document = json.loads(as_json(made))
    assert {row["value"]: row["visits"] for row in document["reports"][0]["rows"]} == found
    lines = list(csv.DictReader(io.StringIO(as_csv(made).decode())))
    visits = [line for line in lines if line["measure"] == "visits"]
    assert {line["value"]: int(float(line["number"])) for line in visits} == found
    rows = pyarrow.parquet.read_table(io.BytesIO(as_parquet(made))).to_pylist()
    assert {row["value"]: row["number"] for row in rows if row["measure"] == "visits"} == found
    assert f"{found['search']:,}" in as_text(made).decode()


def test_every_number_says_what_it_rests_on(month: tuple[Layout, Truth]) -> None:
    """No report without its question and its coverage."""
    layout, _ = month
    for table in make_reports(layout, NOVEMBER).tables:
        assert table.question == QUESTIONS[table.name]
        assert len(table.coverage) > 5


def test_periods() -> None:
    """Days, months, and four weeks by default; what ends before it begins is an error."""
    today = dt.date(2026, 11, 28)
    assert period_of("", "", today) == Period(dt.date(2026, 10, 31), dt.date(2026, 11, 27))
    assert period_of("2026-10", "", today).days == 31
    assert period_of("2026-10", "2026-11", today).until == dt.date(2026, 11, 30)
    assert period_of("2026-11-03", "2026-11-05", today).days == 3
    assert NOVEMBER.before() == Period(dt.date(2026, 10, 1), dt.date(2026, 10, 31))
    for wrong in (("2026-11-05", "2026-11-03"), ("yesterday", "")):
        with pytest.raises(SettingError):
            period_of(*wrong, today)


def test_blocks_cover_each_day_once() -> None:
    """Whole months, whole weeks, then days."""
    blocks = dict(Period(dt.date(2026, 10, 19), dt.date(2026, 12, 9)).blocks())
    assert len(blocks) == 52
    assert blocks[dt.date(2026, 10, 20)] == "2026-W43"
    assert blocks[dt.date(2026, 10, 28)] == "2026-10-28"
    assert blocks[dt.date(2026, 11, 1)] == "2026-11"
    assert blocks[dt.date(2026, 12, 9)] == "2026-12-09"
