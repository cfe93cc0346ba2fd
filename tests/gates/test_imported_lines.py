"""Foreign lines become records of the site log by its own minimisers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.record import Operational, Tier, fields_of, names_of
from consentgate.gates.records.site_information import build_record
from consentgate.imported_logs.columns import Site
from consentgate.imported_logs.lines import Minimiser, Reading
from consentgate.lookup.agents import Agents
from tests.formats.test_imported_lines import AGENT, CADDY, PLAIN, TRAEFIK

AGENTS = Agents()
SITE = Site(
    hosts=frozenset(("shop.example",)),
    routes=("/", "/a", "/user/{id}"),
    query_fields=frozenset(("utm_source",)),
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def minimised(*lines: str, site: Site = SITE, **reading: Any) -> list[dict[str, Any]]:
    minimiser = Minimiser(site, AGENTS, json.loads, Reading(**reading))
    dropped = minimiser.add("".join(f"{line}\n" for line in lines))
    assert dropped == []
    texts, count = minimiser.lines()
    assert count == len(lines)
    return [json.loads(line) for line in "".join(texts).splitlines()]


@pytest.mark.requirement("LOG-01", "LOG-02", "LOG-04")
def test_a_persons_line_is_operational() -> None:
    """Nobody's choice is known: hour, route, status and classes, as the site's own log builds it."""
    (record,) = minimised(PLAIN)
    facts = Operational(
        *(497485, "GET", "/a", 200, "external", "desktop"),
        is_entry=True,
        is_suspect=False,
        signals=(),
        wants="page",
    )
    built = build_record(fields_of(Tier.OPERATIONAL, frozenset()), facts)
    assert record == {**built, "bytes": 2_300}


def test_a_machines_line_says_which() -> None:
    """A crawler is nobody: minute, scrubbed path, its name and kind."""
    line = PLAIN.replace(AGENT, GOOGLEBOT).replace("/a?b=1", "/mail/jane@example.com?x")
    assert minimised(line) == [
        {
            "ts": "2026-10-02T13:03:00Z",
            "grain": "minute",
            "tier": "TB",
            "method": "GET",
            "route": "(unmatched)",
            "kind": "asset",
            "path": "/mail/{email}",
            "status": 200,
            "bytes": 2300,
            "ref_class": "external",
            "ref_host": "news.example",
            "bot": "Googlebot",
            "bot_kind": "search-engine",
        }
    ]


def test_an_operator_may_answer_for_consent() -> None:
    """T1: path, declared query, referrer's host and browser; never a visitor."""
    (record,) = minimised(
        PLAIN.replace("?b=1", "?utm_source=news&mail=jane%40example.com&gclid=7"),
        tier=Tier.STATISTICS,
    )
    assert record["tier"] == "T1"
    assert (record["path"], record["q"], record["paid"]) == ("/a", {"utm_source": "news"}, True)
    assert (record["ref_host"], record["browser"], record["bmaj"]) == (
        "news.example",
        "Firefox",
        "127",
    )
    assert set(record) <= names_of(Tier.STATISTICS) - {"visitor", "subject"}


@pytest.mark.parametrize(
    ("change", "is_entry"),
    [
        (("", ""), True),
        (("https://news.example/a?b", "https://shop.example/b"), False),
        (("https://news.example/a?b", "-"), True),
        (("/a?b=1", "/logo.png"), False),
        (("/a?b=1", "/page.html"), True),
        ((" 200 ", " 301 "), False),
        (("GET /a", "POST /a"), False),
    ],
)
def test_a_visit_begins_where_no_own_page_led(change: tuple[str, str], is_entry: bool) -> None:
    """Judged by referrer, kind of address and status; no identifier."""
    (record,) = minimised(PLAIN.replace(*change))
    assert record.get("entry", False) is is_entry


def test_without_a_host_no_entry_is_claimed() -> None:
    """An own page cannot be told from a foreign one; a log that says the host needs none."""
    (record,) = minimised(PLAIN, site=Site())
    assert "entry" not in record
    own = PLAIN.replace("news.example", "shop.example")
    (record,) = minimised(f"shop.example:443 {own}", site=Site(), format="vhost")
    assert record["ref_class"] == "internal"
    (record,) = minimised(json.dumps(CADDY), site=Site())
    assert (record["ref_class"], record["entry"], record["dur_us"]) == ("external", True, 1_000)


@pytest.mark.parametrize("unit", ["", "us"], ids=["at once", "one by one"])
def test_a_status_of_noughts_is_a_number(unit: str) -> None:
    """A server that gave no answer writes 000, which is no number of JSON."""
    (record,) = minimised(PLAIN.replace(" 200 ", " 000 "), unit=unit)
    assert record["status"] == 0


def test_lines_come_out_sorted() -> None:
    """Their order says nothing of who came after whom."""
    lines = [PLAIN, PLAIN.replace(" 200 ", " 404 "), PLAIN.replace("/a?b=1", "/"), PLAIN]
    assert minimised(*lines) == minimised(*reversed(lines))
    assert len(minimised(*lines)) == 4


ODD = [
    PLAIN,
    PLAIN.replace("GET /a?b=1", r"GET /a\"b"),
    f'{PLAIN} "203.0.113.77, 70.41.3.18"',
    PLAIN.replace("+0000", "-0330"),
    PLAIN.replace("GET /a?b=1 HTTP/1.1", r"\x16\x03\x01"),
    PLAIN.replace("GET /a?b=1 HTTP/1.1", ""),
    PLAIN.replace("/a?b=1", "https://shop.example/a"),
    PLAIN.replace("GET /a?b=1", "BREW /a b c?d"),
    json.dumps(CADDY),
    json.dumps(TRAEFIK),
]
BAD = ["\x1b[31mred", "\x00" * 10, PLAIN[:70], "=cmd|' /C calc'!A0", '{"a":1}', "\xff\xfe"]


@given(st.lists(st.sampled_from(ODD + BAD), max_size=12))
def test_all_at_once_and_one_by_one_agree(lines: list[str]) -> None:
    """However lines stand together, each becomes the same record or is dropped by its number."""
    together = Minimiser(SITE, AGENTS, json.loads)
    dropped = together.add("".join(f"{line}\n" for line in lines))
    alone = Minimiser(SITE, AGENTS, json.loads, Reading(format="auto", unit="us"))
    for line in lines:
        alone.add(f"{line}\n")
    assert [number for number, _ in dropped] == [n for n, line in enumerate(lines) if line in BAD]
    assert together.count == alone.count == len(lines)
    assert together.lines() == alone.lines()


PIECES = st.sampled_from(
    [
        *(
            '"',
            '" "',
            "\\",
            '\\"',
            "\n",
            "\r",
            " ",
            "  ",
            "-",
            "0",
            "?",
            "#",
            "%40",
            "@",
            "/",
            "\xe9",
            "\x85",
        ),
        *(
            " HTTP/1.1",
            "GET ",
            "+0200] ",
            "[02/Oct/2026:13:",
            ' 200 2326 "',
            "https://",
            "Googlebot/2",
        ),
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 9), PIECES), max_size=3)


@given(st.lists(st.tuples(CHANGES, st.integers(0, 10**6)), min_size=1, max_size=8))
def test_a_block_and_its_lines_give_the_same_records(
    changes: list[tuple[list[tuple[int, int, str]], int]],
) -> None:
    """Wherever lines are torn, joined or misspelt, what is read at once is what is read singly."""
    block = ""
    for edits, size in changes:
        line = PLAIN.replace(" 2326 ", f" {size} ").replace("/a?b", f"/user/{size}?b")
        for start, length, piece in edits:
            line = line[:start] + piece + line[start + length :]
        block += f"{line}\n"
    together = Minimiser(SITE, AGENTS, json.loads, Reading(format="combined"))
    dropped = together.add(block)
    alone = Minimiser(SITE, AGENTS, json.loads, Reading(format="common"))
    assert dropped == [(number, "not a whole combined line") for number, _ in alone.add(block)]
    assert not alone.is_plain
    assert together.lines() == alone.lines()


@pytest.mark.parametrize("before", ["GET", "?b", "HTTP/", '" 200', "https://", "example/", "X11"])
def test_a_line_torn_inside_a_cell_is_dropped(before: str) -> None:
    """Its halves have the marks of one line together, and are none."""
    minimiser = Minimiser(SITE, AGENTS, json.loads)
    for _ in range(2):  # what was seen once is remembered
        dropped = minimiser.add(
            "\n".join([PLAIN, PLAIN.replace(before, f"{before}\n", 1), PLAIN, ""])
        )
        assert [number for number, _ in dropped] == [1, 2]
    assert minimiser.lines()[1] == 4


def test_sizes_that_never_come_again_are_read_alike() -> None:
    """Also when the table of whole cells is full, and whatever follows the first digits."""
    together, alone = (
        Minimiser(SITE, AGENTS, json.loads, Reading(format=name)) for name in ("combined", "common")
    )
    odd = ("-", "0", "7", "007", "0070", "12345 6", "123456x", "²²²²", "1" * 15, "1" * 16)
    for sizes in (range(300, 9_000, 2), range(301, 9_000, 2), *((1_234, size) for size in odd)):
        for size in (*sizes, *sizes):
            line = PLAIN.replace(" 2326 ", f" {size} ") + "\n"
            found = [number for number, _ in together.add(line * 2)]
            assert found == [number for number, _ in alone.add(line * 2)]
    assert together.lines() == alone.lines()


SECRETS = ("203.0.113.77", "70.41.3.18", "fe80::1", "jane@example.com", "s3cr3t", "jdoe")
PLANTED = st.sampled_from(
    [
        *("203.0.113.77, 70.41.3.18", "fe80::1%eth0", "203.0.113.077", '"203.0.113.77"', "unknown"),
        *("::ffff:203.0.113.77", "[fe80::1]:443", "jane@example.com", "jane%2540example.com"),
        *("?token=s3cr3t", "#s3cr3t", ";s3cr3t", "https://jane@example.com/jdoe?s3cr3t"),
        *("\x1b[31ms3cr3t", "\x00jdoe", '\\"jdoe\\"', "=s3cr3t()", "\u00ff\u00fe"),
    ]
)


@pytest.mark.requirement("LOG-01", "LOG-02", "LOG-03", "LOG-07")
@given(st.lists(st.tuples(st.integers(0, len(PLAIN)), PLANTED), max_size=6), st.booleans())
def test_no_planted_item_survives_in_an_operational_line(
    planted: list[tuple[int, str]], is_json: bool
) -> None:
    """Wherever it stands, in T0 nothing is written that a visitor sent."""
    line = PLAIN
    for start, text in planted:
        line = line[:start] + text + line[start:]
    if is_json:
        line = json.dumps({**CADDY, "request": {**CADDY["request"], "uri": line}})  # type: ignore[dict-item]
    minimiser = Minimiser(SITE, AGENTS, json.loads)
    dropped = minimiser.add(f"{line}\n")
    output = "".join(minimiser.lines()[0]).removesuffix("\n")
    assert output.isprintable() or not output
    if '"tier":"T0"' in output:
        assert not [secret for secret in SECRETS if secret in output]
        assert set(json.loads(output)) <= names_of(Tier.OPERATIONAL)
    assert not re.search(r"203\.0|fe80|@|s3cr3t", " ".join(why for _, why in dropped))


@pytest.mark.requirement("LOG-07")
def test_hostile_lines_are_dropped_by_number() -> None:
    """Torn, coloured, too long or foreign: named by place, never repeated."""
    minimiser = Minimiser(SITE, AGENTS, json.loads)
    lines = [PLAIN, "\x1b[2J203.0.113.77", PLAIN[:50], "x" * 1_048_577, "", PLAIN]
    dropped = minimiser.add("".join(f"{line}\n" for line in lines))
    assert [number for number, _ in dropped] == [1, 2, 3]
    assert all(why.isprintable() and "203" not in why for _, why in dropped)
    assert minimiser.lines()[1] == 2


def test_memory_is_bounded() -> None:
    """Texts that differ each time are forgotten again; long ones are never remembered."""
    minimiser = Minimiser(SITE, AGENTS, json.loads)
    for number in range(40_000):
        line = PLAIN.replace("/a?", f"/{number}?").replace(" 2326 ", f" {number} ")
        minimiser.add(f"{line}\n")
    minimiser.add(PLAIN.replace("/a?", f"/{'x' * 600}?") + "\n")
    remembered = minimiser.people.requests
    assert 0 < len(remembered) <= 32_768
    assert max(map(len, remembered)) < 600
    assert 0 < len(minimiser._cells) <= 4_096
