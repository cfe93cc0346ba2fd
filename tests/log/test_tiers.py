"""Which facts of a visit reach the site log, by what the visitor decided."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from consentgate.asgi.assembly import route_in
from consentgate.asgi.recording.route_names import route_of
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.record import (
    FIELDS,
    NAMES,
    NEVER,
    Field,
    Operational,
    Tier,
    fields_of,
    names_of,
    two_digits,
)
from consentgate.formats.headers.client_hints import hinted_browser
from consentgate.formats.urls.templates import Templates
from consentgate.gates.ended import Ended
from consentgate.gates.records.referrers import (
    is_entry,
    origin_of,
    referrer_class,
    referrer_host,
)
from consentgate.gates.records.site_information import build_record
from consentgate.log.writing.background import TICKER
from tests.policies import SHOP
from tests.visits import ended_visit

NOW = 1_790_000_000
ADDRESS = "203.0.113.77"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
GRANTED = Choice(made_at=NOW - 60, purposes={"statistics": True}, id="id-of-the-choice")
HEADERS = {
    "host": "shop.example",
    "user-agent": FIREFOX,
    "accept": "text/html,*/*",
    "accept-language": "de-CH,de;q=0.9",
    "referer": "https://www.google.com/search?q=jane+doe",
    "cookie": "session=s3cr3t",
    "authorization": "Bearer s3cr3t",
}


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def write(self, record: Mapping[str, object]) -> None:
        self.records.append(dict(record))

    def append(self, line: bytes) -> None:
        self.records.append(json.loads(line))

    def put(self, line: bytes) -> None:
        self.records.append(json.loads(line))

    def close(self) -> None:
        pass


def visit_of(
    headers: Mapping[str, str] = HEADERS,
    *,
    choice: Choice | None = None,
    path: str = "/products/12345",
    query: bytes = b"utm_source=news&email=jane%40example.com&gclid=77",
    policy: Any = SHOP,
    now: int = NOW,
) -> Ended:
    sent = dict(headers)
    if choice is not None:
        sent["cookie"] = sent.get("cookie", "") + "; choices=token"
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": query,
        "client": (ADDRESS, 4711),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
    }
    route = SimpleNamespace(path="/products/{id}")
    return ended_visit(scope, policy, choice, now, route=route, bytes_out=12_345)


def record_of(visit: Ended, *, policy: Any = SHOP, country: str = "CH") -> dict[str, Any]:
    sink = Kept()
    SiteLog(policy, sink, country_of=lambda _: country).note(visit, 5_432_100)
    TICKER.finish()
    assert len(sink.records) <= 1
    return sink.records[0] if sink.records else {}


@pytest.mark.requirement("LOG-01", "LOG-04", "LOG-08")
def test_without_a_choice_the_line_is_operational() -> None:
    """T0: hour, route, status and classes; nothing that tells one visitor from another."""
    assert record_of(visit_of()) == {
        "ts": "2026-09-21T14:00:00Z",
        "grain": "hour",
        "tier": "T0",
        "v": "2026-11-01",
        "method": "GET",
        "route": "/products/{id}",
        "kind": "page",
        "status": 200,
        "bytes": 12_000,
        "dur_us": 5_400,
        "ref_class": "search",
        "device": "desktop",
        "entry": True,
    }


@pytest.mark.requirement("LOG-01", "LOG-04", "LOG-14")
def test_with_a_grant_the_line_says_more_and_still_no_person() -> None:
    """T1: minute, scrubbed path, declared query, host of the referrer, country, families."""
    record = record_of(visit_of(choice=GRANTED))
    assert record == {
        "ts": "2026-09-21T14:13:00Z",
        "grain": "minute",
        "tier": "T1",
        "v": "2026-11-01",
        "method": "GET",
        "route": "/products/{id}",
        "kind": "page",
        "path": "/products/{id}",
        "q": {"utm_source": "news"},
        "paid": True,
        "status": 200,
        "bytes": 12_000,
        "dur_us": 5_400,
        "ref_class": "search",
        "ref_host": "www.google.com",
        "country": "CH",
        "lang": "de",
        "browser": "Firefox",
        "bmaj": "127",
        "os": "Linux",
        "device": "desktop",
        "entry": True,
    }


def decisions() -> Iterator[Any]:
    for name, choice in (
        ("silent", None),
        ("granted", GRANTED),
        ("refused", replace(GRANTED, purposes={"statistics": False})),
    ):
        for signal in ("", "sec-gpc", "dnt"):
            for agent in (FIREFOX, "Googlebot/2.1 (+http://www.google.com/bot.html)"):
                yield pytest.param(choice, signal, agent, id=f"{name}-{signal}-{agent[:6]}")


@pytest.mark.requirement("LOG-01", "LOG-04", "LOG-15", "LOG-19")
@pytest.mark.parametrize(("choice", "signal", "agent"), list(decisions()))
def test_a_line_holds_what_its_tier_may_and_no_more(
    choice: Choice | None, signal: str, agent: str
) -> None:
    """For every decision: the tier is stated, its fields bound it, and no raw fact is in it."""
    headers = {**HEADERS, "user-agent": agent, **({signal: "1"} if signal else {})}
    record = record_of(visit_of(headers, choice=choice))
    tier = Tier(record["tier"])
    is_bot = agent.startswith("Google")
    is_granted = choice is GRANTED and not signal
    assert tier is (Tier.BOT if is_bot else Tier.STATISTICS if is_granted else Tier.OPERATIONAL)
    assert set(record) <= names_of(tier)
    text = json.dumps(record)
    for raw in (ADDRESS, agent, "s3cr3t", "jane", "gclid", "/search", "4711", "id-of-the-choice"):
        assert raw not in text


@pytest.mark.requirement("LOG-15")
def test_a_signal_is_counted_and_nothing_else() -> None:
    """GPC and DNT leave the flag, in the operational line."""
    record = record_of(visit_of({**HEADERS, "sec-gpc": "1"}, choice=GRANTED))
    assert record["tier"] == "T0"
    assert record["sig"] == ["gpc"]


def test_signals_can_be_left_out_altogether() -> None:
    """``signals_mode = "drop"`` writes no line at all."""
    policy = replace(SHOP, log=replace(SHOP.log, signals_mode="drop"))
    assert record_of(visit_of({**HEADERS, "dnt": "1"}), policy=policy) == {}


def counts_of(tmp_path: Path, *visits: Ended, policy: Any = SHOP) -> str:
    policy = replace(policy, log=replace(policy.log, directory=str(tmp_path)))
    log = SiteLog(policy, Kept(), country_of=lambda _: "CH")
    for visit in visits:
        log.note(visit, 1)
    log.close()
    path = tmp_path / "site.counts"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.requirement("LOG-15", "LOG-04")
def test_what_a_line_may_not_say_is_counted_apart(tmp_path: Path) -> None:
    """Browser, system, country, language and origin of visits without consent, never joined."""
    written = counts_of(tmp_path, *(visit_of() for _ in range(10)))
    rows = [json.loads(line) for line in written.splitlines()]
    assert {(row["dim"], row["val"]): row["n"] for row in rows} == {
        ("visits", ""): 10,
        ("browser", "Firefox"): 10,
        ("os", "Linux"): 10,
        ("country", "CH"): 10,
        ("lang", "de"): 10,
        ("ref_host", "www.google.com"): 10,
        ("utm_source", "(other)"): 10,
        ("click", "google"): 10,
    }


@pytest.mark.requirement("LOG-15")
@pytest.mark.parametrize(
    "visit",
    [
        visit_of({**HEADERS, "sec-gpc": "1"}),
        visit_of({**HEADERS, "dnt": "1"}),
        visit_of({**HEADERS, "sec-fetch-dest": "image"}),
        visit_of({**HEADERS, "user-agent": "GPTBot/1.2 (+https://openai.com)"}),
        visit_of(choice=GRANTED),
    ],
    ids=["gpc", "dnt", "no visit begins", "machine", "granted: the line says it"],
)
def test_these_are_not_counted(visit: Ended, tmp_path: Path) -> None:
    """A signal leaves nothing but its own count; machines and granted visits have their lines."""
    assert counts_of(tmp_path, *[visit] * 10) == ""


def test_a_machine_is_nobody() -> None:
    """TB: its listed name and class, no entry, no language."""
    record = record_of(visit_of({**HEADERS, "user-agent": "GPTBot/1.2 (+https://openai.com)"}))
    assert (record["tier"], record["bot"], record["bot_kind"]) == ("TB", "GPTBot", "ai-crawler")
    assert not {"entry", "lang", "browser", "device", "sig"} & set(record)


def test_what_cannot_be_minimised_leaves_the_least() -> None:
    """A failing builder writes the status and that it failed, nothing of the visit."""

    def broken(visit: Ended) -> str:
        raise RuntimeError("203.0.113.77")

    sink = Kept()
    SiteLog(SHOP, sink, country_of=broken).note(visit_of(choice=GRANTED), 1)
    TICKER.finish()
    assert sink.records == [
        {
            "ts": "2026-09-21T14:00:00Z",
            "grain": "hour",
            "tier": "T0",
            "v": "2026-11-01",
            "status": 200,
            "err": "min",
        }
    ]


@pytest.mark.parametrize("code", ["", "ZZ", "1", "Z"])
def test_an_unknown_place_is_no_country(code: str) -> None:
    """Only a country is written, and only where it is known."""
    assert "country" not in record_of(visit_of(choice=GRANTED), country=code)


@pytest.mark.requirement("LOG-14")
def test_a_state_or_city_is_cut_to_its_country() -> None:
    """A regime such as US-CA leaves US."""
    assert record_of(visit_of(choice=GRANTED), country="US-CA")["country"] == "US"


@pytest.mark.requirement("LOG-15")
def test_a_field_of_everybody_cannot_reach_a_visitor() -> None:
    """What it is made of has no address, agent, path or query in it: there is nothing to leak."""
    assert set(Operational._fields) == {
        "hour",
        "method",
        "route",
        "status",
        "referrer_class",
        "device",
        "is_entry",
        "is_suspect",
        "signals",
        "fault",
        "wants",
        "version",
        "tier",
    }
    with pytest.raises(ValueError, match="is in T0: expected of_visit or of_amount"):
        Field("path", frozenset(Tier), "which page", "none", of_visitor=lambda more: more.path)


@pytest.mark.slow
@pytest.mark.requirement("LOG-15")
def test_a_leak_is_a_type_error(tmp_path: Path) -> None:
    """mypy refuses a field of T0 that reads what only T1 may use."""
    code = tmp_path / "leak.py"
    code.write_text(
        "from consentgate.domain.record import Field, Tier\n"
        'Field("path", frozenset(Tier), "which page", "none", of_visit=lambda facts: facts.path)\n',
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(code)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert '"Operational" has no attribute "path"' in done.stdout


def test_every_written_field_is_in_the_table() -> None:
    """The table is whole: unique names, each with a tier, a purpose and a minimiser."""
    assert len(set(NAMES)) == len(NAMES)
    for field in FIELDS:
        assert field.tiers
        assert field.purpose
        assert field.minimiser
    assert not {name.lower() for name in NEVER} & {name for name in NAMES}
    facts = Operational(
        0, "GET", "/", 200, "none", "desktop", True, True, ("gpc",), "", "page", "v"
    )
    fields = fields_of(Tier.OPERATIONAL, frozenset())
    assert set(build_record(fields, facts)) <= names_of(Tier.OPERATIONAL)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("", "none"),
        ("shop.example", "internal"),
        ("www.google.co.uk", "search"),
        ("duckduckgo.com", "search"),
        ("news.ycombinator.com", "social"),
        ("t.co", "social"),
        ("netflix.com", "external"),
        ("bestgoogle.com", "external"),
        ("chatgpt.com", "ai"),
        ("gemini.google.com", "ai"),
        ("partner.example", "external"),
    ],
)
def test_referrers_in_classes(host: str, kind: str) -> None:
    """Whole labels are compared: netflix.com is not x.com."""
    assert referrer_class(host, "shop.example:8000") == kind


@pytest.mark.requirement("LOG-01")
@pytest.mark.parametrize(
    "referrer",
    [
        "http://192.0.2.7/x",
        "http://[2001:db8::1]/",
        "http://jane@",
        "about:blank",
        "http://a b/",
        "x",
    ],
)
def test_a_referrer_that_names_no_site_is_none(referrer: str) -> None:
    """Addresses and broken referrers leave nothing."""
    assert referrer_host(referrer) == ""


@pytest.mark.parametrize(
    ("referrer", "own_host", "origin"),
    [
        (b"http://192.0.2.7", "192.0.2.7:8000", ("", "internal")),
        (b"http://[2001:db8::1]:8000", "[2001:DB8::1]:8000", ("", "internal")),
        (b"https://shop.example", "Shop.example:8000", ("shop.example", "internal")),
        (b"http://192.0.2.7", "192.0.2.8", ("", "none")),
        (b"", "", ("", "none")),
    ],
)
def test_a_site_is_internal_to_itself_however_it_is_reached(
    referrer: bytes, own_host: str, origin: tuple[str, str]
) -> None:
    """Its own address is never written, and yet its pages come from within."""
    assert origin_of(referrer, own_host) == origin


@pytest.mark.parametrize(
    ("site", "destination", "kind", "accept", "begins"),
    [
        ("none", "document", "none", "", True),
        ("cross-site", "document", "search", "", True),
        ("same-origin", "document", "internal", "", False),
        ("none", "image", "none", "", False),
        ("", "", "none", "text/html", True),
        ("", "", "internal", "text/html", False),
        ("", "", "none", "image/png", False),
    ],
)
def test_a_visit_begins_without_an_identifier(
    site: str, destination: str, kind: str, accept: str, begins: bool
) -> None:
    """Browsers say themselves where a visit begins."""
    assert is_entry(site, destination, kind, accept) is begins


def test_hints_spare_the_parser() -> None:
    """Chromium says family, version and system by itself."""
    brands = '"Not A;Brand";v="99", "Chromium";v="126", "Google Chrome";v="126"'
    found = hinted_browser(brands, '"macOS"')
    assert found is not None
    assert (found.family, found.major, found.os) == ("Chrome", "126", "Mac OS X")
    assert hinted_browser("", "") is None
    assert hinted_browser('"x"; v="1"', '"Windows"') is None


@pytest.mark.parametrize("number", [-5, 0, 7, 99, 100, 12_345, 987_654_321])
def test_two_digits_are_enough(number: int) -> None:
    """Sizes and durations keep their magnitude and lose their fingerprint."""
    kept = two_digits(number)
    assert kept <= max(number, 0)
    assert len(str(kept).rstrip("0")) <= 2
    assert re.fullmatch(r"\d+", str(kept))


@pytest.mark.requirement("LOG-17")
@pytest.mark.parametrize(
    ("scope", "route"),
    [
        ({"route": SimpleNamespace(path="/u/{id}")}, "/u/{id}"),
        ({"path_template": "/u/{id:int}"}, "/u/{id:int}"),
        ({"path": "/u/jane"}, "/u/{name}"),
        ({"path": "/files/a/b"}, "/files/{rest:path}"),
        ({"path": "/u/jane/doe"}, "(unmatched)"),
        ({"path": "/jane-doe", "router": object()}, "(unmatched)"),
    ],
)
def test_a_route_is_a_template(scope: dict[str, Any], route: str) -> None:
    """Never the address of a page that a visitor may have made up."""
    declared = Templates(("/u/{name}", "/files/{rest:path}", "/a.b"))
    assert route_of(route_in(scope), scope.get("path", "/"), declared) == route
    assert declared.find("/axb") == "(unmatched)"
