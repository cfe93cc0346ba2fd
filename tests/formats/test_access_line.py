"""Access records as other programs read them."""

from __future__ import annotations

import csv
import ipaddress
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.record import NAMES
from consentgate.formats.access_logs.exports import WRITERS

PERSON = {
    "ts": "2026-10-01T14:00:00Z",
    "grain": "hour",
    "tier": "T0",
    "v": "2026-11-01",
    "method": "GET",
    "route": "/u/{id}",
    "status": 200,
    "bytes": 1_200,
    "dur_us": 5_400,
    "ref_class": "search",
    "device": "desktop",
    "entry": True,
}
GRANTED = {
    **PERSON,
    "ts": "2026-10-01T14:13:00Z",
    "grain": "minute",
    "tier": "T1",
    "path": "/u/{id}",
    "q": {"utm_source": "news"},
    "ref_class": "external",
    "ref_host": "news.example",
    "country": "CH",
    "browser": "Firefox",
    "bmaj": "127",
    "os": "Linux",
    "visitor": "100::1234:5678:9abc:def0",
}
MACHINE = {
    **{name: PERSON[name] for name in ("v", "method", "route", "status", "bytes", "dur_us")},
    "ts": "2026-10-01T14:13:00Z",
    "grain": "minute",
    "tier": "TB",
    "path": "/p",
    "ref_class": "none",
    "bot": "Googlebot",
    "bot_kind": "search-engine",
}
RECORDS = [PERSON, GRANTED, MACHINE]
LINUX_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            PERSON,
            '100:: - - [01/Oct/2026:14:00:00 +0000] "GET /u/{id} HTTP/1.1" 200 1200 "-" '
            '"Mozilla/5.0 (desktop)"',
        ),
        (
            GRANTED,
            "100::1234:5678:9abc:def0 - - [01/Oct/2026:14:13:00 +0000] "
            f'"GET /u/{{id}} HTTP/1.1" 200 1200 "https://news.example/" "{LINUX_FIREFOX}"',
        ),
        (
            MACHINE,
            '100:: - - [01/Oct/2026:14:13:00 +0000] "GET /p HTTP/1.1" 200 1200 "-" '
            '"Mozilla/5.0 (compatible; Googlebot; bot)"',
        ),
    ],
)
def test_combined(record: dict[str, Any], line: str) -> None:
    """What the record holds, and the same constant for everybody where it holds nothing."""
    assert WRITERS["combined"].line(record) == line


IMPORTED = re.compile(
    r"([\w*.:-]+)\s+\S+\s+(\S+)\s+\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d)\s+([+-]\d{4})\]\s+"
    r'"(\S+)\s+(\S*)\s+\S+"\s+(\d+)\s+(\d+)\s+"([^"]*)"\s+"([^"]*)"'
)
"""What importers such as Matomo's read of a combined line."""


@given(
    st.sampled_from(RECORDS),
    st.sampled_from(["path", "ref_host", "browser", "os", "bot", "route", "device"]),
    st.text(max_size=60),
)
def test_any_record_is_one_importable_line(record: dict[str, Any], name: str, text: str) -> None:
    """Whatever a field holds, the line keeps its columns; the host is an address (RFC 6666)."""
    found = IMPORTED.fullmatch(WRITERS["combined"].line({**record, name: text}))
    assert found is not None
    assert ipaddress.ip_address(found[1]) in ipaddress.ip_network("100::/64")


@pytest.mark.requirement("LOG-07")
@given(st.sampled_from(sorted(WRITERS)), st.sampled_from(sorted(NAMES)), st.text(max_size=40))
def test_no_field_can_forge_a_line(form: str, name: str, text: str) -> None:
    """One record, one line, without a control character."""
    if name in ("ts", "status", "bytes", "dur_us", "visitor", "method"):
        return
    line = WRITERS[form].line({**GRANTED, name: text})
    assert not re.search(r"[\x00-\x1f]", line)


@pytest.mark.requirement("LOG-07")
@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "=cmd|' /C calc'!\"A0\""]
)
def test_a_spreadsheet_finds_no_formula(text: str) -> None:
    """What would be one begins with an apostrophe, and reads back as one cell."""
    line = WRITERS["csv"].line({**GRANTED, "path": text})
    (cells,) = csv.reader([line])
    cell = dict(zip(NAMES, cells, strict=True))["path"]
    assert cell[0] == "'"
    assert not [other for other in cells if other[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_csv_names_every_field() -> None:
    """The header is the table of fields, and each line has as many cells."""
    header = WRITERS["csv"].header.split(",")
    assert header == list(NAMES)
    (cells,) = csv.reader([WRITERS["csv"].line(GRANTED)])
    kept = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    assert set(kept) == set(GRANTED)
    assert (kept["q"], kept["entry"]) == ('{"utm_source":"news"}', "true")


@pytest.mark.parametrize("record", RECORDS)
def test_w3c_lines_fit_their_header(record: dict[str, Any]) -> None:
    """As many cells as ``#Fields`` names."""
    fields = WRITERS["w3c"].header.rpartition("#Fields: ")[2].split()
    cells = dict(zip(fields, WRITERS["w3c"].line(record).split(" "), strict=True))
    assert (cells["date"], cells["time-taken"]) == ("2026-10-01", "0.005400")
    assert (cells["sc-status"], cells["x-tier"]) == ("200", record["tier"])


def test_ecs_and_opentelemetry_names() -> None:
    """The names that collectors know; never an address or a user agent."""
    ecs = json.loads(WRITERS["ecs"].line(GRANTED))
    assert ecs["@timestamp"] == "2026-10-01T14:13:00Z"
    assert ecs["http"] == {
        "request": {"method": "GET"},
        "response": {"status_code": 200, "bytes": 1_200},
    }
    assert ecs["event"]["duration"] == 5_400_000
    assert ecs["user_agent"]["name"] == "Firefox"
    otel = json.loads(WRITERS["otel"].line(MACHINE))["attributes"]
    assert otel["http.response.status_code"] == 200
    assert otel["http.server.request.duration"] == 0.0054
    assert otel["user_agent.synthetic.type"] == "bot"
    for text in (WRITERS["ecs"].line(GRANTED), WRITERS["otel"].line(GRANTED)):
        assert not re.search(r'"client\.address|"ip"|"original"|user_agent\.original', text)


def test_jsonl_is_the_record() -> None:
    """As the site log holds it."""
    assert json.loads(WRITERS["jsonl"].line(GRANTED)) == GRANTED
