"""Bodies from strangers: bounded while they arrive, strict, never raising anything else."""

from __future__ import annotations

import json

import pytest

from consentgate import ConsentGate
from consentgate.asgi.posts.bodies import MAX_BODY_BYTES, MAX_FIELDS
from tests.asgi import raw
from tests.asgi.raw import form, http, post, run

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
REJECT = b'{"choice":"reject"}'


@pytest.fixture(scope="module")
def gate() -> ConsentGate:
    """A gate before a page."""
    return raw.gated(raw.page())


@pytest.mark.requirement("SEC-07")
@pytest.mark.parametrize(
    ("media_type", "sent", "status"),
    [
        (JSON, REJECT, 200),
        (b"Application/JSON; charset=utf-8", REJECT, 200),
        (FORM, b"choice=reject", 303),
        (FORM + b"; charset=utf-8", b"choice=reject", 303),
        # only what a page of ours sends
        (b"text/plain", REJECT, 415),
        (b"multipart/form-data; boundary=x", b"--x--", 415),
        (b"application/json+x", REJECT, 415),
        (b"", REJECT, 415),
        # size
        (JSON, b'{"choice":"reject","x":"' + b"x" * MAX_BODY_BYTES + b'"}', 413),
        (FORM, b"choice=reject&x=" + b"x" * MAX_BODY_BYTES, 413),
        (FORM, b"choice=reject" + b"&p=functional" * MAX_FIELDS, 400),
        # parsers' surprises
        (JSON, b"", 400),
        (JSON, b"null", 400),
        (JSON, b"[]", 400),
        (JSON, b'"reject"', 400),
        (JSON, b"{", 400),
        (JSON, b'{"choice":"reject","choice":"accept"}', 400),
        (JSON, b'{"choice":NaN}', 400),
        (JSON, b'{"choice":Infinity}', 400),
        (JSON, b'{"choice":"\\ud800"}', 400),
        (JSON, b'{"choice":"\xff"}', 400),
        (JSON, b'{"choice":' + b"[" * 8_000 + b"]" * 8_000 + b"}", 400),
        (JSON, b'{"choice":' + b"9" * 5_000 + b"}", 400),
        (JSON, b"\xef\xbb\xbf" + REJECT, 400),
        (FORM, b"choice=%ff", 400),
        (FORM, b"", 400),
    ],
)
def test_a_body_is_taken_or_a_problem(
    gate: ConsentGate, media_type: bytes, sent: bytes, status: int
) -> None:
    """Each shape has its own status; none is a fault of ours."""
    assert run(gate, *post("/privacy-choices", sent, media_type=media_type)).status == status
    assert gate.assembly.faults.counts["answer_failed"] == 0


def test_a_declared_size_is_refused_before_reading(gate: ConsentGate) -> None:
    """``Content-Length`` beyond the limit: 413 without waiting for a byte of it."""
    headers = [(b"content-type", JSON), (b"sec-fetch-site", b"same-origin")]
    for length in (b"16385", b"9" * 40):
        scope = http(
            "/privacy-choices", method="POST", headers=[*headers, (b"content-length", length)]
        )
        seen = run(gate, scope, {"type": "http.disconnect"})
        assert seen.status == 413


def test_a_lying_length_is_counted_while_reading(gate: ConsentGate) -> None:
    """Many small pieces under a small announced length end at the limit."""
    headers = [
        (b"content-type", FORM),
        (b"sec-fetch-site", b"same-origin"),
        (b"content-length", b"5"),
    ]
    piece = {"type": "http.request", "body": b"x" * 1_000, "more_body": True}
    seen = run(gate, http("/privacy-choices", method="POST", headers=headers), *[piece] * 40)
    assert seen.status == 413


def test_a_body_in_pieces_is_one_body(gate: ConsentGate) -> None:
    """Messages without ``body`` count as empty."""
    scope, whole = form("/privacy-choices", {"choice": "reject"})
    data = whole["body"]
    pieces = [
        {"type": "http.request", "body": data[:3], "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": data[3:]},
    ]
    assert run(gate, scope, *pieces).status == 303


def test_a_visitor_who_leaves_has_not_chosen(gate: ConsentGate) -> None:
    """A disconnect in the middle is no choice."""
    scope, _ = form("/privacy-choices", {"choice": "reject"})
    before = len(list(gate.assembly.proof.ledger.events()))
    piece = {"type": "http.request", "body": b"choice=", "more_body": True}
    seen = run(gate, scope, piece, {"type": "http.disconnect"})
    assert (seen.status, seen.set_cookies) == (400, [])
    assert len(list(gate.assembly.proof.ledger.events())) == before


def test_a_problem_says_nothing_of_what_was_sent(gate: ConsentGate) -> None:
    """An unknown field's name is the one thing repeated: quoted, cut, as JSON."""
    seen = run(
        gate,
        *post("/privacy-choices", b'{"<script>' + b"x" * 80 + b'":1}', media_type=JSON),
    )
    detail = json.loads(seen.body)["detail"]
    assert seen.one(b"content-type") == b"application/problem+json"
    assert seen.one(b"x-content-type-options") == b"nosniff"
    assert len(detail) < 70


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("choice", 1),
        ("choice", None),
        ("choice", ["accept"]),
        ("choice", {}),
        ("purposes", ["statistics"]),
        ("purposes", {"statistics": "yes"}),
        ("purposes", {"statistics": 1}),
        ("purposes", None),
        ("services", {"ads": None}),
        ("services", "ads"),
        ("told", "gpc"),
        ("told", [1]),
        ("told", {"gpc": True}),
        ("notice", 5),
        ("notice", ["x"]),
        ("source", []),
        ("span", True),
    ],
)
def test_a_json_choice_of_wrong_types_is_malformed(field: str, value: object) -> None:
    """400 that names the field and what it expects; nothing is recorded and nothing set."""
    gate = raw.gated(raw.page())
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    document = {"choice": "save", "notice": notice, "purposes": {"statistics": True}, field: value}
    sent = raw.post(
        "/privacy-choices", json.dumps(document).encode(), media_type=b"application/json"
    )
    seen = raw.run(gate, *sent)
    assert (seen.status, seen.set_cookies) == (400, [])
    told = json.loads(seen.body)
    assert told["code"] == "malformed"
    assert told["detail"].startswith(f"{field}: expected ")
    assert list(gate.assembly.proof.ledger.events()) == []


@pytest.mark.parametrize("choice", ["reject", "withdraw"])
def test_a_refusal_is_taken_whatever_is_misspelt_beside_it(choice: str) -> None:
    """It only takes away, so no detail of it matters."""
    gate = raw.gated(raw.page())
    document = {"choice": choice, "notice": 5, "told": 7, "source": None}
    sent = raw.post(
        "/privacy-choices", json.dumps(document).encode(), media_type=b"application/json"
    )
    assert raw.run(gate, *sent).status == 200
