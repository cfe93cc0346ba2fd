"""Whatever a stranger sends: nothing raises, the page is served, nothing is echoed or granted."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consentgate import ConsentGate
from consentgate.asgi.choices.acts import KINDS
from tests import site_logs
from tests.asgi import raw
from tests.asgi.raw import NOW, PAGE, Exchange, Script, http, post, run, websocket

CANARY = b"<x-canary a=\"'>"
PERMITTED = {b"session", b"cart"}
NAMES = (
    b"cookie",
    b"sec-gpc",
    b"dnt",
    b"sec-purpose",
    b"sec-fetch-site",
    b"sec-fetch-dest",
    b"origin",
    b"host",
    b"referer",
    b"user-agent",
    b"accept-language",
    b"accept",
    b"content-type",
    b"content-length",
    b"x-forwarded-for",
    b"forwarded",
    b"cf-ipcountry",
)
LONG = b"session=" + b"x" * 65_536
MANY = b"; ".join(b"_an_%d=%d" % (number, number) for number in range(4_000))

# Bytes that mean something to some parser, or to none
pieces = st.sampled_from(
    (
        CANARY,
        b"\r\nset-cookie: injected=1\r\n",
        b"\0",
        b"\xff\xfe",
        b"\xc3\x28",
        b";",
        b"=",
        b",",
        b'"',
        b'"\\012"',
        b"%0d%0a",
        b"%",
        b"choices=",
        b"choices=1" + b"A" * 60 + b".x",
        b"__Host-choices=1",
        b"session=s",
        b"_fbp=1",
        b"1",
        b"en-GB;q=0.3",
        b";q=nan",
        b";q=1e999",
        b"[::1]:x",
        b"http://[",
        b"9" * 5_000,
        b"../",
        b"//evil.example",
    )
)
values = st.lists(pieces | st.binary(max_size=24), max_size=5).map(b"".join)
headers = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.binary(min_size=1, max_size=12), values), max_size=8
)
paths = st.builds(
    lambda start, rest: start + rest,
    st.sampled_from(("/", "/privacy-choices", "/privacy-choices/", "//", "/a/../b")),
    st.text(max_size=20) | st.sampled_from(("/state", "/assets/../x", "/<x-canary>", "/\udcff")),
)


class Clock:
    """A minute passes at every look, so that no limit is reached."""

    def __init__(self) -> None:
        self._minutes = itertools.count()

    def __call__(self) -> float:
        return NOW + 60.0 * next(self._minutes)


APP = raw.page()
SOCKET = Script({"type": "websocket.accept"}, {"type": "websocket.send", "text": "hello"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site log of these tests goes."""
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def gate(folder: Path) -> ConsentGate:
    """One gate for every stranger, with a site log."""
    return raw.gated(APP, log=folder, clock=Clock())


@pytest.fixture(scope="module")
def socket_gate() -> ConsentGate:
    """The same before a WebSocket."""
    return raw.gated(SOCKET, clock=Clock())


def served(seen: Exchange) -> None:
    """Nothing raised; no header can be split; nothing hostile stands unescaped."""
    if seen.raised is not None:
        raise seen.raised
    for name, value in seen.pairs:
        assert not re.search(rb"[\r\n\0]", name + value), (name, value)
        assert b"injected" not in name
    if (seen.one(b"content-type") or b"").startswith(b"text/html"):
        assert b"<x-canary" not in seen.body


def denied(app: Script) -> None:
    """The app saw nothing but what is necessary."""
    for field in app.cookie_fields:
        for piece in field.split(b";"):
            assert not piece.strip(b" \t") or piece.partition(b"=")[0].strip(b" \t") in PERMITTED
    consent = app.scope["consentgate"]
    assert not consent.allows("statistics")
    assert not consent.allows("marketing")


@pytest.mark.requirement("SEC-03", "SEC-07")
@settings(max_examples=300, deadline=None)
@given(found=headers, query=values)
@example(found=[(b"cookie", LONG)], query=b"")
@example(found=[(b"cookie", MANY)], query=b"")
@example(found=[(b"cookie", b"choices=1") for _ in range(300)], query=b"")
@example(found=[(b"accept-language", b"de-" * 30_000)], query=b"")
@example(found=[(b"referer", b"http://[" + b"x" * 65_536)], query=b"&" * 65_536)
@example(found=[(b"host", b"\xff" * 300), (b"host", b"")], query=CANARY)
@example(found=[(b"host", b"a." * 5_000 + b"example"), (b"cookie", b"_fbp=1")], query=b"")
def test_any_headers_get_the_page(gate: ConsentGate, found: Any, query: bytes) -> None:
    """Raw header bytes of any kind: the app's page arrives, and nothing optional is permitted."""
    seen = run(gate, http("/", headers=found, query=query))
    served(seen)
    assert seen.status == 200
    assert seen.body.endswith(PAGE.partition(b"<body>")[2])
    assert seen.one(b"content-length") == b"%d" % len(seen.body)
    denied(APP)


@settings(max_examples=150, deadline=None)
@given(found=headers, path=paths)
@example(found=[(b"cookie", MANY), (b"cookie", LONG)], path="/")
def test_any_handshake_gets_its_socket(socket_gate: ConsentGate, found: Any, path: str) -> None:
    """The same over WebSocket, where no http message may be sent."""
    seen = run(socket_gate, websocket(path, headers=found, raw_path=None))
    served(seen)
    assert [message["type"] for message in seen.sent] == ["websocket.accept", "websocket.send"]
    denied(SOCKET)


@settings(max_examples=200, deadline=None)
@given(
    path=paths,
    method=st.sampled_from(("GET", "HEAD", "POST", "PUT", "get", "\xff")),
    root=st.sampled_from(("", "/mounted", "/privacy-choices", "/<x-canary>")),
    raw_path=st.none() | values,
    found=headers,
)
@example(path="/\udcff", method="GET", root="", raw_path=None, found=[])
def test_any_path_is_answered(
    gate: ConsentGate, path: str, method: str, root: str, raw_path: bytes | None, found: Any
) -> None:
    """Any method and path, ours or the app's, with any headers."""
    scope = http("/", method=method, headers=found)
    seen = run(gate, {**scope, "path": path, "root_path": root, "raw_path": raw_path})
    served(seen)
    assert seen.status in (200, 400, 403, 404, 405, 413, 415, 422)
    if seen.body.endswith(b"<h1>Teapots</h1></body></html>") and method != "HEAD":
        assert b"/privacy-choices/assets/" in seen.body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "choice": st.sampled_from(KINDS) | json_values,
        "purposes": st.dictionaries(st.sampled_from(("functional", "statistics")), json_values)
        | json_values,
        "services": st.dictionaries(st.sampled_from(("maps", "ads")), json_values) | json_values,
        "told": json_values,
        "notice": json_values,
        "source": json_values,
        "span": json_values,
    },
)
REFUSED = (400, 409, 415, 422)


@settings(max_examples=200, deadline=None)
@given(document=choices)
@example(document={"choice": "save", "services": {"maps": [1]}, "notice": ["x"], "source": ["y"]})
def test_any_json_is_a_choice_or_a_problem(gate: ConsentGate, document: Any) -> None:
    """Well-formed JSON of any shape: a choice, or problem details; never more than was said."""
    sent = json.dumps(document).encode("utf-8", "replace")
    seen = run(gate, *post("/privacy-choices", sent, media_type=b"application/json"))
    served(seen)
    answer = json.loads(seen.body)
    if seen.status == 200:
        assert document["choice"] in KINDS
        assert not any(answer["purposes"][key] for key in ("functional", "statistics", "marketing"))
    else:
        assert seen.status in REFUSED
        assert seen.one(b"content-type") == b"application/problem+json"
        assert seen.set_cookies == []
        assert answer["status"] == seen.status


@pytest.mark.requirement("SEC-03")
@settings(max_examples=200, deadline=None)
@given(
    sent=values
    | st.sampled_from(
        (
            b"[" * 16_000,
            b'{"a":' * 3_000,
            b"1" * 16_000,
            b'{"choice":"reject","choice":"accept"}',
            b'{"choice":NaN}',
            b'"\\ud800"',
            b'{"choice":"\\ud800"}',
            b"choice=reject&" * 1_100,
            b"p=functional&" * 600 + b"choice=save",
            b"choice=%ff",
            b"&&&===",
            b"x" * 20_000,
        )
    ),
    media_type=st.sampled_from(
        (
            b"application/json",
            b"application/x-www-form-urlencoded",
            b"application/json; charset=utf-7",
            b"text/plain",
            b"multipart/form-data",
        )
    ),
)
def test_any_body_is_answered(gate: ConsentGate, sent: bytes, media_type: bytes) -> None:
    """Bytes of any kind under any media type."""
    seen = run(gate, *post("/privacy-choices", sent, media_type=media_type))
    served(seen)
    assert seen.status in (200, 303, 400, 409, 413, 415, 422)


@pytest.mark.requirement("SEC-06")
@settings(max_examples=200, deadline=None)
@given(target=values.map(lambda value: value.decode("latin-1")) | st.text(max_size=30))
@example(target="//evil.example")
@example(target="/\\evil.example")
@example(target="/\t/evil.example")
@example(target="https://evil.example")
@example(target="/a\r\nset-cookie: injected=1")
def test_any_return_address_stays_here(gate: ConsentGate, target: str) -> None:
    """The redirect after a choice leads to a path of this site, whatever was asked for."""
    sent = raw.form(
        "/privacy-choices", {"choice": "reject", "next": target[:4_000].encode("utf-8", "replace")}
    )
    seen = run(gate, *sent)
    served(seen)
    assert seen.status == 303
    location = unquote_to_bytes(seen.one(b"location") or b"")
    assert location.startswith(b"/")
    assert location[1:2] not in (b"/", b"\\")


def test_every_visit_left_one_whole_line(gate: ConsentGate, folder: Path) -> None:
    """After all of it the files are lines of JSON, without cookies, canaries or control bytes."""
    run(gate, http("/", headers=[(b"sec-gpc", b"1"), (b"cookie", b"_fbp=1")]))
    gate.close()
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {record["tier"] for record in site_logs.records(folder)} <= {"T0", "TB"}
    assert [json.loads(line)["signal"] for line in files["signals.counts"].splitlines()]
    for line in b"\n".join(files.values()).splitlines():
        assert not re.search(rb"[\x00-\x1f\x7f]|x-canary|_fbp|192\.0\.2\.7|injected", line), line
