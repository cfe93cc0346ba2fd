"""Interest in features, told by pages and by the app: what is noted, and what is dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from consentgate import ConsentGate
from consentgate.asgi.recording.interests import REPORTS_A_MINUTE
from consentgate.domain.policy.interests import OTHER, Interest
from consentgate.domain.policy.policy import Policy
from tests.asgi.raw import chosen, form, gated, http, json_answer, page, post, run, websocket
from tests.log.written import records_in, sums_in
from tests.policies import SHOP

FIREFOX = (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0")
GOOGLE = (b"user-agent", b"Googlebot/2.1 (+http://www.google.com/bot.html)")
GPC = (b"sec-gpc", b"1")
EVENTS = (
    Interest(name="pricing"),
    Interest(name="export_clicked", properties={"plan": ("free", "pro"), "trial": ("true",)}),
)
ADDRESS = "/privacy-choices/events"


def policy(mode: str = "operational") -> Policy:
    return replace(SHOP, log=replace(SHOP.log, events=EVENTS, signals_mode=mode))


def tell(
    gate: ConsentGate, fields: dict[str, Any], *headers: tuple[bytes, bytes], **more: Any
) -> int:
    """Report as a page does; gives the status."""
    return run(gate, *form(ADDRESS, fields, headers=[FIREFOX, *headers], **more)).status


def noted(gate: ConsentGate, folder: Path) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Sums and records of interest on disk, once the gate has closed."""
    gate.close()
    return sums_in(folder, "event"), [row for row in records_in(folder) if "event" in row]


async def export(request: Request) -> Response:
    """A route of the app that tells of an export."""
    request.state.consent.track("export_clicked", plan="pro", trial=True)
    return PlainTextResponse("ok")


async def live(socket: WebSocket) -> None:
    """A socket that tells of one, too."""
    await socket.accept()
    socket.state.consent.track("pricing")
    await socket.close()


def app() -> Starlette:
    return Starlette(routes=[Route("/export/{number}", export), WebSocketRoute("/live", live)])


def test_what_a_page_says_is_summed_up(tmp_path: Path) -> None:
    """Without a grant: 204, no line of any kind, one more in the sum."""
    gate = gated(json_answer(), policy(), log=tmp_path)
    assert tell(gate, {"event": "pricing"}) == 204
    assert tell(gate, {"event": "export_clicked", "plan": "pro"}) == 204
    assert noted(gate, tmp_path) == ({"pricing": 1, "export_clicked": 1}, [])
    assert records_in(tmp_path) == []


@pytest.mark.requirement("LOG-01", "LOG-04")
def test_a_granted_report_is_a_record(tmp_path: Path) -> None:
    """T1: where it was said without what identifies, and declared values only."""
    gate = gated(json_answer(), policy(), log=tmp_path)
    cookie = chosen(gate, choice="accept")
    referer = (b"referer", b"http://shop.example/users/4711234/x?email=jane@example.com")
    tell(gate, {"event": "export_clicked", "plan": "gold"}, referer, cookie=cookie)
    sums, (record,) = noted(gate, tmp_path)
    assert sums == {}
    assert (record["tier"], record["event"]) == ("T1", "export_clicked")
    assert record["props"] == {"plan": OTHER}
    assert record["path"] == "/users/{id}/x"


@pytest.mark.parametrize(
    "referer", [b"https://other.example/private", b"http://[", b"about:blank", b""]
)
def test_another_sites_path_is_not_ours(referer: bytes, tmp_path: Path) -> None:
    """Only the path of a page of this host is kept."""
    gate = gated(json_answer(), policy(), log=tmp_path)
    tell(gate, {"event": "pricing"}, (b"referer", referer), cookie=chosen(gate, choice="accept"))
    assert "path" not in noted(gate, tmp_path)[1][0]


@pytest.mark.parametrize(
    ("fields", "headers", "more", "reason"),
    [
        ({"event": "pricing"}, (), {"site": b"cross-site"}, "event_cross_origin"),
        ({"event": "pricing"}, (), {"site": None}, "event_cross_origin"),
        ({"event": "pricing"}, (), {"media_type": b"text/plain"}, "event_unsupported_media_type"),
        ({"event": "pricing", "x": "y" * 3_000}, (), {}, "event_too_large"),
        ({"name": "pricing"}, (), {}, "event_malformed"),
        ({"event": "jane_doe"}, (), {}, "event_undeclared"),
        ({"event": "pricing"}, ((b"sec-purpose", b"prefetch"),), {}, "event_not_a_visitor"),
    ],
    ids=["elsewhere", "no-browser", "text", "large", "nameless", "undeclared", "prefetch"],
)
def test_what_is_not_noted_is_counted_and_answered_alike(
    fields: dict[str, str], headers: Any, more: Any, reason: str, tmp_path: Path
) -> None:
    """204 always: a page learns nothing, the operator sees how often and why."""
    gate = gated(json_answer(), policy(), log=tmp_path)
    assert tell(gate, fields, *headers, **more) == 204
    assert gate.assembly.faults.counts[reason] == 1
    assert noted(gate, tmp_path) == ({}, [])


def test_one_network_cannot_fill_the_sums(tmp_path: Path) -> None:
    """What comes faster than people click is dropped."""
    gate = gated(json_answer(), policy(), log=tmp_path)
    for _ in range(REPORTS_A_MINUTE + 5):
        tell(gate, {"event": "pricing"})
    assert gate.assembly.faults.counts["event_rate_limited"] == 5
    assert noted(gate, tmp_path)[0] == {"pricing": REPORTS_A_MINUTE}


@given(
    st.binary(max_size=300),
    st.sampled_from([b"application/json", b"application/x-www-form-urlencoded"]),
)
def test_any_body_is_answered_204(body: bytes, media_type: bytes) -> None:
    """Nothing that is sent raises."""
    scope, sent = post(ADDRESS, body, media_type=media_type, headers=[FIREFOX])
    assert run(GATE, scope, sent).status == 204


GATE = gated(json_answer(), policy())


def test_the_app_tells_by_itself(tmp_path: Path) -> None:
    """``consent.track``: summed up without a grant, a record with its route with one."""
    gate = gated(app(), policy(), log=tmp_path)
    run(gate, http("/export/1", headers=[FIREFOX]))
    run(gate, http("/export/12345", headers=[FIREFOX], cookie=chosen(gate, choice="accept")))
    run(gate, websocket("/live", headers=[FIREFOX]), {"type": "websocket.connect"})
    sums, (record,) = noted(gate, tmp_path)
    assert sums == {"export_clicked": 1, "pricing": 1}
    assert record["props"] == {"plan": "pro", "trial": "true"}
    assert (record["route"], record["path"]) == ("/export/{number}", "/export/{number}")


@pytest.mark.requirement("LOG-15")
@pytest.mark.parametrize(
    ("mode", "headers", "sums"),
    [
        ("operational", [FIREFOX, GPC], {}),
        ("drop", [FIREFOX, GPC], {}),
        ("as-none", [FIREFOX, GPC], {"export_clicked": 1}),
        ("operational", [GOOGLE], {}),
        ("operational", [(b"user-agent", b"python-requests/2.32")], {}),
    ],
)
def test_signals_and_machines_are_not_asked_what_they_like(
    mode: str, headers: Any, sums: dict[str, int], tmp_path: Path
) -> None:
    """A visitor with a signal is summed up only where signals mean nothing here; a machine never."""
    gate = gated(app(), policy(mode), log=tmp_path)
    assert run(gate, http("/export/1", headers=headers)).body == b"ok"
    assert noted(gate, tmp_path) == (sums, [])


@pytest.mark.parametrize(
    ("event", "properties", "shown"),
    [
        ("exported", {}, '"exported" is not declared'),
        ("export_clicked", {"colour": "red"}, '"export_clicked.colour" is not declared'),
        ("jane@example.com\nforged", {}, "an event of the app is not declared"),
    ],
)
def test_a_developer_is_told_once(
    event: str, properties: dict[str, str], shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not declared is said once, with where to declare it; what a visitor sent is not."""
    gate = gated(json_answer(), policy())
    for _ in range(3):
        scope = http("/", headers=[FIREFOX])
        run(gate, scope)
        gate._open(scope).scope["consentgate"].track(event, **properties)
    said = [record.getMessage() for record in caplog.records if "declared" in record.getMessage()]
    assert len(said) == 1
    assert shown in said[0]
    assert "[log] events" in said[0]
    assert "jane" not in caplog.text


@pytest.mark.parametrize("event", [None, ["pricing"], 7, {}])
def test_tracking_never_raises(event: Any) -> None:
    """A mistake in a call costs the note, not the page."""
    gate = gated(json_answer(), policy())
    gate._open(http("/", headers=[FIREFOX])).scope["consentgate"].track(event)


@pytest.mark.parametrize(
    ("changes", "headers", "is_there"),
    [
        (policy(), [FIREFOX], True),
        (SHOP, [FIREFOX], False),
        (policy(), [FIREFOX, GPC], False),
        (policy("as-none"), [FIREFOX, GPC], True),
        (policy(), [GOOGLE], False),
    ],
    ids=["declared", "nothing-declared", "signal", "signal-ignored", "crawler"],
)
def test_a_page_gets_the_script_where_something_comes_of_it(
    changes: Policy, headers: Any, is_there: bool, tmp_path: Path
) -> None:
    """No declared event, a signal or a crawler: not a byte more in the page."""
    gate = gated(page(), changes, log=tmp_path)
    body = run(gate, http("/", headers=headers)).body
    assert body.count(b"/privacy-choices/assets/") == (3 if is_there else 2)


def test_only_declared_values_pass() -> None:
    """Numbers and truth values are said as text; anything else is ``(other)``."""
    interest = Interest(name="x", properties={"size": ("10", "true"), "who": ("staff",)})
    assert interest.kept({"size": 10, "who": "jane@example.com"}) == {"size": "10", "who": OTHER}
    assert interest.kept({"size": True, "other": 1}) == {"size": "true"}
    assert interest.kept({"size": object()}) == {"size": OTHER}
