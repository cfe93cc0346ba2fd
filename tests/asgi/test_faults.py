"""A fault of our own denies and serves on: the app's page arrives, nothing optional passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.gates import answer as answer_module
from consentgate.gates import visit as visit_module
from consentgate.gates.outcomes import Outcomes
from tests.asgi import raw
from tests.asgi.raw import JSON_BODY, PAGE, body, http, run, start, websocket
from tests.policies import SHOP

pytestmark = pytest.mark.requirement("SEC-03")
COOKIES = "session=1; theme=dark; _fbp=2"


class Broken:
    """Stands for a part of ours that fails whenever it is asked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise ZeroDivisionError("our own fault")


def test_a_fault_in_reading_the_request_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie reaches the app, silence decides, and the page is served."""
    app = raw.page((b"set-cookie", b"_fbp=1"))
    gate = raw.gated(app)
    token = raw.chosen(gate, choice="accept")
    monkeypatch.setattr(visit_module, "drop_denied_cookies", Broken)
    seen = run(gate, http(cookie=f"{COOKIES}; {token}"))
    assert (seen.raised, seen.status) == (None, 200)
    assert seen.body.endswith(PAGE.partition(b"<body>")[2])
    assert app.cookie_fields == []
    assert not app.scope["consentgate"].allows("marketing")
    assert b"_fbp=1" not in seen.set_cookies
    assert gate.assembly.faults.counts["visit_failed"] == 1


def test_a_fault_in_reading_a_handshake_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over WebSocket."""
    app = raw.Script({"type": "websocket.accept"})
    gate = raw.gated(app)
    monkeypatch.setattr(visit_module, "drop_denied_cookies", Broken)
    seen = run(gate, websocket(cookie=COOKIES))
    assert [message["type"] for message in seen.sent] == ["websocket.accept"]
    assert app.cookie_fields == []


@pytest.mark.parametrize("gate_of", ["_passing", "_begin"])
def test_a_fault_in_a_header_gate_sets_nothing(
    gate_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every ``Set-Cookie`` is dropped, the rest of the answer goes out as the app sent it."""
    validators = [(b"etag", b'"1"')] if gate_of == "_begin" else []
    app = raw.json_answer((b"Set-Cookie", b"session=1"), (b"x-name", b"1"), *validators)
    gate = raw.gated(app)
    monkeypatch.setattr(visit_module.Visit, gate_of, Broken)
    seen = run(gate, http())
    assert (seen.raised, seen.status, seen.body) == (None, 200, JSON_BODY)
    assert seen.set_cookies == []
    assert seen.one(b"x-name") == b"1"
    assert seen.one(b"content-length") == b"%d" % len(JSON_BODY)
    assert gate.assembly.faults.counts["gate_failed"] == 1


@pytest.mark.parametrize("is_streamed", [False, True], ids=["one message", "streamed"])
def test_a_fault_in_a_page_gate_loses_no_byte(
    monkeypatch: pytest.MonkeyPatch, is_streamed: bool
) -> None:
    """What was held back goes out before the rest, all of it as the app wrote it."""
    pieces = [PAGE[:20], PAGE[20:50], PAGE[50:]] if is_streamed else [PAGE]
    app = raw.Script(
        start(length=len(PAGE)),
        *(body(piece, more_body=True) for piece in pieces),
        body(),
    )
    gate = raw.gated(app)
    feed = answer_module.Beacons.feed
    calls = iter(range(10))

    def feed_once(beacons: Any, data: bytes) -> bytes:
        if next(calls) == len(pieces) - 1:
            raise ZeroDivisionError("our own fault")
        return feed(beacons, data)

    monkeypatch.setattr(answer_module.Beacons, "feed", feed_once)
    seen = run(gate, http())
    assert (seen.raised, seen.status, seen.body) == (None, 200, PAGE)
    assert seen.one(b"content-length") in (None, b"%d" % len(PAGE))


def test_a_fault_in_our_markup_leaves_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template of the site's own that fails costs the first layer, not the page."""
    gate = raw.gated(raw.page())
    monkeypatch.setattr(type(gate.assembly.pages), "opening", Broken)
    seen = run(gate, http())
    assert seen.status == 200
    assert seen.body.endswith(PAGE.partition(b"<title>")[2])
    assert gate.assembly.faults.counts["page_markup_failed"] == 1


def test_a_fault_in_the_site_log_leaves_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Writing down comes last and spoils nothing."""
    gate = raw.gated(raw.page(), log=tmp_path)
    monkeypatch.setattr(type(gate.assembly.site_log), "note", Broken)
    seen = run(gate, http())
    assert (seen.raised, seen.status) == (None, 200)
    assert gate.assembly.faults.counts["note_failed"] == 1


def test_a_fault_in_our_own_page_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own addresses answer 500 as problem details, without saying what went wrong."""
    gate = raw.gated(raw.page())
    monkeypatch.setattr(type(gate.assembly.pages), "page", Broken)
    seen = run(gate, http("/privacy-choices"))
    assert (seen.raised, seen.status) == (None, 500)
    assert seen.one(b"content-type") == b"application/problem+json"
    assert b"our own fault" not in seen.body


def test_deciding_cannot_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even silence can be decided, the app is not called: there is no ungated way."""
    app = raw.page()
    gate = raw.gated(app)
    monkeypatch.setattr(Outcomes, "of", Broken)
    seen = run(gate, http(cookie=COOKIES))
    assert isinstance(seen.raised, ZeroDivisionError)
    assert app.scopes == []


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_headers_that_are_no_bytes_set_nothing(kind: type) -> None:
    """What servers send all the same is no way past the gate, nor is it an error."""
    pairs = [(b"content-type", kind(b"text/html")), (kind(b"set-cookie"), kind(b"_fbp=1"))]
    start_ = {"type": "http.response.start", "status": 200, "headers": pairs}
    seen = run(raw.gated(raw.Script(start_, body(PAGE))), http())
    assert (seen.raised, seen.status, seen.body) == (None, 200, PAGE)
    assert seen.set_cookies == []
    assert seen.one(b"content-security-policy") is not None


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_page_that_is_no_bytes_is_gated(kind: type) -> None:
    """Starlette's responses take a memoryview and pass it on."""
    image = PAGE.replace(b"<h1>", b"<img src=https://ads.example/p.gif><h1>")
    seen = run(raw.gated(raw.Script(start(), body(kind(image)))), http())
    assert b"data-privacy-src=" in seen.body
    assert b" src=https://ads.example" not in seen.body


def test_a_fault_in_trailers_or_hints_lets_none_of_them_pass() -> None:
    """Announced trailers still come, since the server waits for them."""
    trailers = [(b"set-cookie", bytearray(b"_fbp=1"))]
    app = raw.Script(
        {"type": "http.response.early_hint", "links": [None]},
        start(trailers=True),
        body(PAGE),
        {"type": "http.response.trailers", "headers": trailers, "more_trailers": False},
    )
    seen = run(raw.gated(app), http())
    assert [message["headers"] for message in seen.only("http.response.trailers")] == [[]]
    assert seen.only("http.response.early_hint") == []


def test_a_fault_in_a_page_sends_it_under_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the site wants no second policy of its own."""
    policy = replace(SHOP, site=replace(SHOP.site, csp="off"))
    monkeypatch.setattr(visit_module.Visit, "_body", Broken)
    seen = run(raw.gated(raw.page(), policy), http())
    assert (seen.raised, seen.status, seen.body) == (None, 200, PAGE)
    assert seen.one(b"content-security-policy") is not None
