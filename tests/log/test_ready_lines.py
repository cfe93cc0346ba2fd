"""Lines that are put together from ready parts: the builders' bytes, and nobody in the parts."""

from __future__ import annotations

import gc
import hashlib
import hmac
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.domain.record import Audience, Statistics, Tier
from consentgate.gates.plan import Plan
from consentgate.gates.records.header_classes import classed_headers
from consentgate.gates.records.ready_lines import MOST_LINES, NamedLines
from consentgate.gates.request import read_request
from consentgate.log.naming.visitor_names import visitor_name
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.segment import encoder
from consentgate.memo import Memo
from tests.log.test_tiers import FIREFOX, GRANTED, NOW
from tests.policies import SHOP
from tests.visits import ended_visit

PLAN = Plan(replace(SHOP, log=replace(SHOP.log, directory="log")))
REFUSED = replace(GRANTED, purposes={"statistics": False})
ENCODE = encoder()


class Lines:
    """A sink that remembers bytes."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.append = self.put = self.lines.append

    def write(self, record: Mapping[str, object]) -> None:
        self.lines.append(ENCODE(record))

    def close(self) -> None:
        pass


words = st.text(max_size=12)
values = st.binary(max_size=12) | st.sampled_from([b"%d", b'"', b"x" * 600])
headers_of = st.fixed_dictionaries(
    {},
    optional={
        b"user-agent": st.sampled_from([FIREFOX.encode(), b"curl/8", b"GPTBot/1.2"]) | values,
        b"host": st.sampled_from([b"shop.example", b"b.example"]),
        b"referer": st.sampled_from(
            [
                b"https://shop.example/a",
                b"https://shop.example",
                b"https://shop.example?a/b",
                b"https://b.example/x?y",
                b"https://www.google.com/search?q=x",
            ]
        )
        | values,
        b"sec-fetch-site": st.sampled_from([b"same-origin", b"none", b"cross-site"]) | values,
        b"sec-fetch-dest": st.sampled_from([b"document", b"image"]) | values,
        b"accept": st.sampled_from([b"text/html,*/*", b"*/*"]),
        b"accept-language": st.sampled_from([b"de-CH,de", b"fr"]) | values,
        b"sec-ch-ua": st.just(b'"Google Chrome";v="126"') | values,
        b"sec-ch-ua-platform": st.just(b'"Windows"') | values,
        b"sec-gpc": st.just(b"1"),
        b"dnt": st.just(b"1"),
        b"sec-purpose": st.just(b"prefetch"),
    },
)


@st.composite
def visits(draw: st.DrawFn) -> tuple[dict[str, Any], Choice | None, dict[str, Any], int]:
    """A scope, a choice, what the app left, a duration."""
    choice = draw(st.sampled_from([None, GRANTED, REFUSED]))
    headers = draw(st.permutations([*draw(headers_of).items()]))
    token = [(b"cookie", b"choices=token; __Host-choices=token")] if choice is not None else []
    scope = {
        "type": "http",
        "method": draw(st.sampled_from(["GET", "POST", "BREW"])),
        "scheme": draw(st.sampled_from(["http", "https"])),
        "path": "/" + draw(st.sampled_from(["a/b", "users/jane", 'q"%d', "item/1234567"]) | words),
        "query_string": draw(st.sampled_from([b"", b"a=1", b"gclid=7", b"utm_source=news"])),
        "client": ("203.0.113.77", 4711),
        "headers": [*headers, *token],
    }
    left = {
        "status": draw(st.sampled_from([200, 404, 500])),
        "bytes_out": draw(st.integers(0, 10**9)),
        "route": draw(st.sampled_from(["/a/{b}", "", "/%d", "/r" * 200]) | words),
        "country": draw(st.sampled_from([None, "", "CH", "US-CA"])),
    }
    return scope, choice, left, draw(st.integers(0, 10**12))


def logged(log: SiteLog, cases: Iterable[Any]) -> None:
    for scope, choice, left, duration in cases:
        visit = ended_visit(
            dict(scope),
            PLAN.policy,
            choice,
            NOW,
            route=SimpleNamespace(path_format=left["route"]),
            status=left["status"],
            bytes_out=left["bytes_out"],
            country=left["country"],
        )
        log.note(visit, duration)
        TICKER.finish()


def log_to(sink: Lines, tmp_path: Path, policy: Policy = SHOP) -> SiteLog:
    policy = replace(policy, log=replace(policy.log, directory=str(tmp_path)))
    known = Recognition(policy, lambda visit: bytes((203, 0, 113, 77)), str)
    return SiteLog(policy, sink, country_of=lambda _: "NO", recognition=known)


@pytest.mark.requirement("LOG-01", "LOG-04")
@given(st.lists(visits(), max_size=8))
def test_a_line_is_the_same_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, cases: list[Any]
) -> None:
    """What is kept ready from other visits changes no byte: as if each visit were the first."""
    folder = tmp_path_factory.getbasetemp() / "ready"
    ready, alone = Lines(), Lines()
    logged(log_to(ready, folder), cases)
    for case in cases:
        logged(log_to(alone, folder), [case])
    assert sorted(ready.lines) == sorted(alone.lines)
    assert not any(b"/r" * 129 in line for line in ready.lines)


@pytest.mark.parametrize(
    "changed",
    [
        {b"host": b"b.example"},
        {b"referer": b"https://shop.example.b.example/a"},
        {b"referer": b"https://shop.example?/a"},
        {b"referer": b"https://b.example/a"},
        {b"referer": b""},
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"none"},
        {b"sec-fetch-dest": b"image"},
    ],
    ids=lambda changed: b" ".join(next(iter(changed.items()))).decode(),
)
def test_who_came_before_says_nothing_of_who_comes_now(
    changed: dict[bytes, bytes], tmp_path: Path
) -> None:
    """A visitor who went from page to page leaves no class to one who comes from elsewhere."""
    near = {
        b"host": b"shop.example",
        b"referer": b"https://shop.example/a",
        b"sec-fetch-site": b"same-origin",
        b"sec-fetch-dest": b"document",
    }
    scope = {"type": "http", "method": "GET", "scheme": "https", "path": "/"}
    left = {"status": 200, "bytes_out": 1, "route": "/", "country": "CH"}
    before, now = (
        ({**scope, "headers": [*headers.items()]}, None, left, 1)
        for headers in (near, near | changed)
    )
    after, alone = Lines(), Lines()
    logged(log_to(after, tmp_path), [before, before, now])
    logged(log_to(alone, tmp_path), [now])
    assert after.lines[-1:] == alone.lines


def texts_in(*roots: object) -> Iterator[bytes]:
    """Every text that the objects hold, however deep."""
    waiting, met = list(roots), set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in met or isinstance(one, type):
            continue
        met.add(id(one))
        if isinstance(one, str | bytes):
            yield one.encode("utf-8", "replace") if isinstance(one, str) else one
        elif not callable(one) or isinstance(getattr(one, "__self__", None), Memo):
            waiting += gc.get_referents(one)


@pytest.mark.requirement("LOG-15", "LOG-01")
@pytest.mark.parametrize("choice", [None, REFUSED, GRANTED], ids=["none", "refused", "granted"])
def test_nothing_that_is_kept_ready_leads_to_a_visitor(
    choice: Choice | None, tmp_path: Path
) -> None:
    """No path, query, cookie, address or page that somebody came from stays in the parts."""
    log = log_to(Lines(), tmp_path)
    headers = [
        (b"host", b"shop.example"),
        (b"referer", b"https://shop.example/planted-1?planted-2"),
        (b"sec-fetch-site", b"same-origin"),
        (b"user-agent", FIREFOX.encode()),
        (b"cookie", b"choices=planted-3; s=planted-4"),
        (b"authorization", b"planted-5"),
    ]
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/planted-6",
        "query_string": b"planted-7",
        "client": ("planted-8", 4711),
    }
    left = {"status": 200, "bytes_out": 1, "country": "CH"}
    for referrer in (headers[1][1], b"https://mail.example/planted-9"):
        own = {**scope, "headers": [(n, referrer if n == b"referer" else v) for n, v in headers]}
        logged(log, [(own, choice, {**left, "route": route}, 1) for route in ("/{page}", "")])
    log.close()
    found = [*texts_in({name: part for name, part in vars(log).items() if name != "_sink"})]
    assert any(b"shop.example" in text for text in found)
    assert not [text for text in found if b"planted" in text]


def test_made_up_headers_do_not_fill_the_memory() -> None:
    """Each table of ready parts is bounded, whatever visitors send."""
    lines = NamedLines(Tier.STATISTICS, "1", ENCODE)
    for number in range(MOST_LINES + 9):
        facts = (0, "GET", f"/{number}", 200, "none", "desktop", False, False, (), "", "")
        audience = Audience(language=str(number))
        more = Statistics((1, 1), 0, f"host{number}", lambda name: "", "/", audience)
        assert f"/{number}".encode() in lines.line(facts, more)
    remembered = [one for one in gc.get_objects() if isinstance(one, Memo)]
    assert all(one.size <= 8_192 for one in remembered)
    assert lines.templates.size <= MOST_LINES


names = st.sampled_from([b"user-agent", b"referer", b"accept", b"host", b"cookie", b"x-y"])


@given(st.lists(st.tuples(names, st.binary(max_size=9))))
def test_a_log_reads_the_same_headers_however_they_are_walked(
    headers: list[tuple[bytes, bytes]],
) -> None:
    """The visit's one walk finds what a walk for the log alone would; without a log nothing."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    assert read_request(dict(scope), is_logged=True).classed == classed_headers(headers)
    assert not read_request(dict(scope)).classed


@pytest.mark.requirement("LOG-16")
@given(st.binary(min_size=1, max_size=64), st.binary(min_size=16, max_size=16), st.text(), words)
def test_a_name_is_an_hmac(key: bytes, address: bytes, agent: str, site: str) -> None:
    """HMAC-SHA-256 by the standard library, cut to 64 bits."""
    name, place = (text.encode("utf-8", "replace") for text in (agent, site))
    message = b"%d:%s%d:%s%s" % (len(name), name, len(place), place, address)
    digest = hmac.digest(key, message, hashlib.sha256)
    expected = socket.inet_ntop(socket.AF_INET6, b"\x01" + bytes(7) + digest[:8])
    assert visitor_name(key, address, agent, place.decode()) == expected
