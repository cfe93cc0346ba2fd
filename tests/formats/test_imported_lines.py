"""Lines of other programs' access logs are read whole, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.access_logs.combined import (
    Columns,
    columns,
    combined_line,
    minute_of_cell,
    numbers_of_cell,
)
from consentgate.formats.access_logs.imported import UNKNOWN, ForeignLine, minute_of_text
from consentgate.formats.access_logs.proxy_json import SHAPES, json_line

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
MINUTE = 29_849_103
"""2026-10-02 13:03 UTC."""
STAMP = "[02/Oct/2026:13:03:36 +0000]"
REFERRER = "https://news.example/a?b"
PLAIN = f'203.0.113.7 - - {STAMP} "GET /a?b=1 HTTP/1.1" 200 2326 "{REFERRER}" "{AGENT}"'
FULL = ForeignLine(MINUTE, "GET /a?b=1 HTTP/1.1", "200", "2326", UNKNOWN, REFERRER, AGENT, "")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (PLAIN, FULL),
        (PLAIN.replace("- -", "ident jane doe"), FULL),
        (PLAIN.replace("13:03:36 +0000", "15:03:36 +0200"), FULL),
        (PLAIN.replace("13:03:36 +0000", "18:33:36 +0530"), FULL),
        (f"shop.example:443 {PLAIN}", FULL._replace(host="shop.example")),
        # what follows the agent is dropped, the forwarded chain above all
        (f'{PLAIN} "203.0.113.77, 70.41.3.18"', FULL),
        (f"{PLAIN} 0.123 203.0.113.77", FULL),
        # Traefik's common log format says how long it took
        (f'{PLAIN} 12 "shop@docker" "http://10.0.0.7:80" 5ms', FULL._replace(duration_us=5_000)),
        # common: no referrer, no agent
        (PLAIN.partition(' "https')[0], FULL._replace(referrer="", agent="")),
        (PLAIN.replace(" 2326 ", " - "), FULL._replace(size="0")),
        (PLAIN.replace(" 2326 ", " 007 "), FULL._replace(size="7")),
        # addresses in any shape are not even looked at
        (PLAIN.replace("203.0.113.7", "203.0.113.77, 70.41.3.18"), FULL),
        (PLAIN.replace("203.0.113.7", "fe80::1%eth0"), FULL),
        (PLAIN.replace("203.0.113.7", "unknown"), FULL),
        # quotation marks in a cell
        (PLAIN.replace("/a?b=1", r"/a\"?b\x22"), FULL._replace(request='GET /a"?b" HTTP/1.1')),
    ],
)
@pytest.mark.requirement("LOG-02", "LOG-03")
def test_a_combined_line_is_read(line: str, found: ForeignLine) -> None:
    """Moment, request, status, size, referrer and agent; nobody's address or name."""
    assert combined_line(line) == found


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_duration_needs_its_unit(unit: str) -> None:
    """A number after the agent may be anything, unless the operator says what it counts."""
    found = combined_line(f"{PLAIN} 12", unit=unit)
    assert found == FULL._replace(duration_us=12 * {"s": 1_000_000, "ms": 1_000, "us": 1}[unit])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-",
        "203.0.113.7",
        "\x1b[31mred",
        PLAIN[:-10],
        PLAIN[:60],
        PLAIN[:70] + PLAIN,
        PLAIN.replace("Oct", "Okt"),
        PLAIN.replace("02/Oct", "32/Oct"),
        PLAIN.replace(" 200 ", " 20 "),
        PLAIN.replace(" 2326 ", " many "),
        PLAIN.replace('" "', '"'),
        "203.0.113.7 GET /a",
        '[02/Oct/2026:13:03:36] "GET /',
    ],
)
def test_what_is_no_combined_line_is_refused(line: str) -> None:
    """Torn, foreign or misspelt: none of it is guessed."""
    assert combined_line(line) is None
    assert at_once(line) is None


def at_once(line: str) -> Columns | None:
    """The line as one of many; None where it, or its moment, is none."""
    found = columns(f"{line}\n")
    try:
        if found is None or not all(map(numbers_of_cell, found.numbers)):
            return None
        return found if minute_of_cell(found.stamps[0], found.zone) else None
    except ValueError:
        return None


def test_many_lines_are_read_at_once() -> None:
    """Column by column; numbers as they stand, to be read once for each distinct text."""
    other = PLAIN.replace("/a?b=1", "/c").replace(" 2326 ", " - ")
    found = columns(f"{PLAIN}\n{other} 0.1\n")
    assert found is not None
    assert found.requests == ["GET /a?b=1 HTTP/1.1", "GET /c HTTP/1.1"]
    assert list(map(numbers_of_cell, found.numbers)) == [("200", "2300"), ("200", "0")]
    assert found.zone == "+0000"
    assert found.agents == [AGENT, AGENT]


CADDY = {
    "level": "info",
    "ts": 1790946216.25,
    "logger": "http.log.access",
    "msg": "handled request",
    "request": {
        "remote_ip": "203.0.113.7",
        "method": "GET",
        "host": "shop.example",
        "uri": "/a?b=1",
        "headers": {"User-Agent": [AGENT], "Referer": [REFERRER], "Cookie": ["s=secret"]},
    },
    "user_id": "jane",
    "duration": 0.001,
    "size": 2326,
    "status": 200,
}
TRAEFIK = {
    "ClientAddr": "203.0.113.7:4711",
    "ClientUsername": "jane",
    "DownstreamContentSize": 2326,
    "DownstreamStatus": 200,
    "Duration": 1_000_000,
    "RequestHost": "shop.example",
    "RequestMethod": "GET",
    "RequestPath": "/a?b=1",
    "StartUTC": "2026-10-02T13:03:36.123456789Z",
    "request_User-Agent": AGENT,
    "request_Referer": REFERRER,
}
NGINX = {
    "remote_addr": "203.0.113.7",
    "time_iso8601": "2026-10-02T15:03:36+02:00",
    "request": "GET /a?b=1 HTTP/1.1",
    "status": "200",
    "body_bytes_sent": "2326",
    "request_time": "0.001",
    "http_referer": REFERRER,
    "http_user_agent": AGENT,
    "host": "shop.example",
}
CLOUDFLARE = {
    "ClientIP": "203.0.113.7",
    "ClientRequestHost": "shop.example",
    "ClientRequestMethod": "GET",
    "ClientRequestURI": "/a?b=1",
    "ClientRequestReferer": REFERRER,
    "ClientRequestUserAgent": AGENT,
    "EdgeStartTimestamp": 1790946216123456789,
    "EdgeResponseBytes": 2326,
    "EdgeResponseStatus": 200,
    "EdgeTimeToFirstByteMs": 1,
}
ENTRIES = {"caddy": CADDY, "traefik": TRAEFIK, "nginx-json": NGINX, "cloudflare": CLOUDFLARE}


@pytest.mark.parametrize("program", SHAPES)
def test_a_json_line_is_read(program: str) -> None:
    """The same columns, from each program's own keys, named or told by the keys."""
    line = json.dumps(ENTRIES[program])
    wanted = FULL._replace(duration_us=1_000, host="shop.example")
    if program != "nginx-json":
        wanted = wanted._replace(request="GET /a?b=1")
    assert json_line(line, json.loads, program=program) == wanted
    assert json_line(line, json.loads) == wanted


@pytest.mark.parametrize("program", SHAPES)
def test_a_json_line_without_what_matters_is_refused(program: str) -> None:
    """No moment, no status, no request, or something else in their place."""
    entry = ENTRIES[program]
    for name in SHAPES[program].time + SHAPES[program].status:
        for instead in (None, "soon", [], {}, True, 1e40, -1):
            assert json_line(
                json.dumps({**entry, name: instead}), json.loads, program=program
            ) is None or (name not in entry)
    for line in ("", "{", "[]", "null", '"GET /"', "{}", "[" * 100_000, '{"request":{}}'):
        assert json_line(line, json.loads, program=program) is None


def test_caddys_moments_may_be_text() -> None:
    """Whatever time format Caddy is told to write, but for a lone clock."""
    for text in ("2026/10/02 13:03:36.250", "1790946216.25", "2026-10-02T13:03:36.250Z"):
        assert minute_of_text(text) == MINUTE
    with pytest.raises(ValueError, match="isoformat"):
        minute_of_text("13:03:36")


TEXTS = st.text(st.characters(max_codepoint=255), max_size=300)


@given(TEXTS, st.integers(0, len(PLAIN)), st.integers(0, 40))
def test_parsers_never_raise(text: str, start: int, length: int) -> None:
    """Any bytes, also in the middle of a good line."""
    line = (PLAIN[:start] + text + PLAIN[start + length :]).replace("\n", " ")
    one, many = combined_line(line), at_once(line)
    assert many is None or one is not None
    if many is not None and one is not None:
        assert (many.requests, numbers_of_cell(many.numbers[0])[0], many.agents) == (
            [one.request],
            one.status,
            [one.agent],
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ENTRIES)), st.data())
def test_json_parsers_never_raise(program: str, data: st.DataObject) -> None:
    """Any value in any column."""
    entry = dict(ENTRIES[program])
    for name in data.draw(st.lists(st.sampled_from(sorted(entry)), max_size=4)):
        entry[name] = data.draw(JSON)
    json_line(json.dumps(entry), json.loads, program=program)
    json_line(data.draw(TEXTS), json.loads)
