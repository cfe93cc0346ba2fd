"""The live page of reports: for those who are let in, with what they may see."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from consentgate.domain.policy.policy import LogSettings, Policy
from consentgate.errors import SettingError
from consentgate.insights import Reader, insights
from consentgate.log.writing.layout import Layout
from consentgate.report.outputs.views import as_sql
from tests.policies import SHOP
from tests.report.traffic import Traffic, write_log

WEEK = "from=2026-11-02&until=2026-11-08"
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A policy whose log holds a week."""
    folder = tmp_path_factory.mktemp("shop")
    write_log(folder, Traffic(5), dt.date(2026, 11, 2), 7, 100)
    return replace(SHOP, log=LogSettings(directory=str(folder)))


def by_role(request: Request) -> Reader | None:
    """An analyst sees pages, by device alone; everybody else nothing."""
    if request.headers.get("x-role") != "analyst":
        return None
    return Reader("ana", frozenset(("pages",)), frozenset(("device",)))


def test_nobody_is_let_in_by_default(shop: Policy) -> None:
    """Neither without a decision nor with a short token is there an app."""
    for token in ("", "short"):
        with pytest.raises(SettingError, match="nobody may read yet"):
            insights(shop, token=token)
    with pytest.raises(SettingError, match="no log to report on"):
        insights(SHOP, token=TOKEN)


@pytest.mark.parametrize("path", ["/", "/reports.json", "/reports.xml"])
def test_who_is_not_known_learns_nothing(shop: Policy, path: str) -> None:
    """401 and two words, whatever is asked for."""
    client = TestClient(insights(shop, token=TOKEN))
    wrong = base64.b64encode(b"x:wrong").decode()
    for headers in ({}, {"authorization": f"Basic {wrong}"}, {"authorization": "Basic %%"}):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.text) == (401, "not allowed\n")


def test_a_token_opens_the_page(shop: Policy) -> None:
    """As the password that a browser asks for; the page is strict, and no cache keeps it."""
    client = TestClient(insights(shop, token=TOKEN))
    word = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    answer = client.get(f"/?{WEEK}&device=mobile", headers={"authorization": f"Basic {word}"})
    assert answer.status_code == 200
    assert "only device <strong>mobile</strong>" in answer.text
    assert '<option value="mobile" selected>' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert "<script" not in answer.text


def test_a_role_sees_what_is_its_own(shop: Policy) -> None:
    """Other reports and other filters are not there; the site's own code says who asks."""
    client = TestClient(insights(shop, may_see=by_role), headers={"x-role": "analyst"})
    text = client.get(f"/?{WEEK}").text
    assert 'id="pages"' in text
    assert 'id="countries"' not in text
    assert 'name="country"' not in text
    assert client.get(f"/?{WEEK}&country=NO").status_code == 400
    assert client.get(f"/?{WEEK}&reports=countries").status_code == 400
    assert client.get("/?from=2026-11-08&until=2026-11-02").status_code == 400
    assert TestClient(insights(shop, may_see=by_role)).get("/").status_code == 401


def test_each_export_is_recorded(shop: Policy) -> None:
    """Who took which numbers, and how; a format that there is not is none."""
    client = TestClient(insights(shop, may_see=by_role), headers={"x-role": "analyst"})
    answer = client.get(f"/reports.csv?{WEEK}&device=mobile")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("report,value")
    lines = (Path(shop.log.folder) / "exports.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["reader"], last["form"], last["filters"]) == ("ana", "csv", {"device": "mobile"})
    assert client.get("/reports.xml").status_code == 404


def test_the_views_say_what_the_reports_say(shop: Policy) -> None:
    """Every definition as a view that DuckDB takes; small cells are left out."""
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'")
    database.execute(as_sql(Layout.of(shop.log.folder), "Europe/Oslo").decode())
    names = [
        row[0]
        for row in database.sql(
            "select view_name from duckdb_views() where not internal"
        ).fetchall()
    ]
    assert {"report_pages", "report_countries", "report_bots", "site_visits_by_day"} <= set(names)
    for name in names:
        database.sql(f'select * from "{name}" limit 1').fetchall()
    assert database.sql("select min(n) from report_pages").fetchall()[0][0] >= 5
