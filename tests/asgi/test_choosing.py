"""A choice: by form and by JSON, of every kind; checked, proven first, then in force."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.events import Event, Kind, State
from consentgate.domain.policy.policy import RegimeSettings
from consentgate.errors import LedgerUnavailable
from tests.asgi import raw
from tests.asgi.raw import NOW, Exchange, form, http, post, regime_of, run
from tests.policies import SHOP

OPTIONAL = ("functional", "statistics", "marketing")
OPT_OUT = replace(SHOP, regimes=RegimeSettings(fixed="opt-out"))


@pytest.fixture
def gate() -> ConsentGate:
    """A gate before a page, with an empty ledger."""
    return raw.gated(raw.page())


def notice_of(gate: ConsentGate) -> str:
    """The notice that a visitor of this gate is shown."""
    return gate.assembly.pages.notice("en", regime_of(gate))[0]


def by_form(gate: ConsentGate, *, cookie: str = "", **fields: Any) -> Exchange:
    """Choose without JavaScript."""
    return run(
        gate, *form("/privacy-choices", {"notice": notice_of(gate), **fields}, cookie=cookie)
    )


def by_json(gate: ConsentGate, *, cookie: str = "", **members: Any) -> Exchange:
    """Choose as banner.js does."""
    sent = json.dumps({"notice": notice_of(gate), **members}).encode()
    return run(gate, *post("/privacy-choices", sent, media_type=b"application/json", cookie=cookie))


def state_of(gate: ConsentGate, seen: Exchange, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """What our state address says of the visitor who got this answer."""
    cookie = "; ".join(f"{name}={value}" for name, value in seen.cookies.items())
    answer = run(gate, http("/privacy-choices/state", cookie=cookie, headers=headers))
    return dict(json.loads(answer.body))


def granted(state: dict[str, Any]) -> set[str]:
    return {key for key in OPTIONAL if state["purposes"][key]}


def events(gate: ConsentGate) -> list[Event]:
    return list(gate.assembly.proof.ledger.events())


# Every kind, both ways: what is asked for, what holds afterwards, how the event is named
KINDS: list[tuple[str, dict[str, Any], dict[str, Any], set[str], State]] = [
    ("accept", {}, {}, set(OPTIONAL), State.GIVEN),
    ("reject", {}, {}, set(), State.REFUSED),
    ("withdraw", {}, {}, set(), State.REFUSED),
    ("dismiss", {}, {}, set(), State.REFUSED),
    (
        "save",
        {"p": ["functional", "statistics"]},
        {"purposes": {"functional": True, "statistics": True}},
        {"functional", "statistics"},
        State.GIVEN,
    ),
    ("save", {}, {"purposes": {"functional": False}}, set(), State.REFUSED),
]


@pytest.mark.requirement("COL-15", "REC-05", "COL-06")
@pytest.mark.parametrize(("kind", "fields", "members", "expected", "named"), KINDS)
def test_a_form_and_json_say_the_same(
    gate: ConsentGate,
    kind: str,
    fields: dict[str, Any],
    members: dict[str, Any],
    expected: set[str],
    named: State,
) -> None:
    """Both ways end in the same state and the same event; the form in a redirect."""
    told = by_form(gate, choice=kind, next="/teapots?a=1", **fields)
    assert (told.status, told.one(b"location")) == (303, b"/teapots?a=1")
    assert granted(state_of(gate, told)) == expected
    said = by_json(gate, choice=kind, **members)
    assert said.status == 200
    assert granted(json.loads(said.body)) == expected
    assert json.loads(said.body) == {**state_of(gate, said), "signal_counts": False}
    first, second = events(gate)
    assert (first.state, second.state) == (named, named)
    assert first.purposes == second.purposes
    assert {key for key, is_granted in first.purposes.items() if is_granted} == expected


@pytest.mark.requirement("REC-01", "REC-06", "REC-12")
def test_an_event_says_who_when_how_and_under_which_notice(gate: ConsentGate) -> None:
    """And nothing of the visitor's address, browser or token."""
    seen = by_form(gate, choice="accept", source="banner")
    (event,) = events(gate)
    assert event.at_ms == NOW * 1000
    assert event.expires_ms == (NOW + 180 * 86_400) * 1000
    assert (event.method, event.source, event.language) == ("accept", "banner", "en")
    assert (event.kind, event.regime, event.model) == (Kind.GRANT, "ZZ", "opt-in")
    assert event.notice_hash == notice_of(gate)
    assert gate.assembly.proof.ledger.notice(event.notice_hash) is not None
    assert len(event.subject) == 32
    written = event.canonical()
    for secret in (b"192.0.2.7", seen.cookies["choices"].encode()):
        assert secret not in written


@pytest.mark.requirement("CKE-09", "SIG-24", "SEC-08")
def test_the_answer_carries_a_token_and_is_nobody_elses(gate: ConsentGate) -> None:
    """HttpOnly, SameSite=Lax, at most 120 bytes; a refusal lasts as long as a grant."""
    ages = []
    for kind in ("accept", "reject"):
        seen = by_form(gate, choice=kind)
        (line,) = seen.set_cookies
        assert line.endswith(b"; Path=/; HttpOnly; SameSite=Lax")
        assert len(seen.cookies["choices"]) <= 120
        assert seen.one(b"cache-control") == b"private, no-store"
        assert seen.one(b"tk") == b"U"
        ages.append(line.partition(b"Max-Age=")[2].partition(b";")[0])
    assert ages[0] == ages[1]


def test_https_prefixes_the_token(gate: ConsentGate) -> None:
    """``__Host-`` and Secure; the plain name then counts for nothing (cookie tossing)."""
    pair = raw.chosen(gate, scheme="https", choice="accept")
    assert pair.startswith("__Host-choices=")
    value = pair.partition("=")[2]
    for cookie, is_heard in ((pair, True), (f"choices={value}", False)):
        answer = run(gate, http("/privacy-choices/state", cookie=cookie, scheme="https"))
        assert json.loads(answer.body)["decided"] is is_heard


WALKS: list[tuple[tuple[str, ...], State]] = [
    (("accept",), State.GIVEN),
    (("accept", "accept"), State.RENEWED),
    (("reject", "accept"), State.GIVEN),
    (("reject",), State.REFUSED),
    (("reject", "reject"), State.REFUSED),
    (("dismiss",), State.REFUSED),
    (("accept", "withdraw"), State.WITHDRAWN),
    (("accept", "reject"), State.WITHDRAWN),
    (("accept", "withdraw", "reject"), State.REFUSED),
    (("accept", "withdraw", "accept"), State.GIVEN),
]
PERMITTING = {State.GIVEN, State.RENEWED}


@pytest.mark.requirement("REC-04", "REC-05")
@pytest.mark.parametrize(("walk", "state"), WALKS, ids=[" ".join(walk) for walk, _ in WALKS])
def test_only_what_is_given_or_renewed_permits(
    gate: ConsentGate, walk: tuple[str, ...], state: State
) -> None:
    """The last event's state and what the very next request may do say the same."""
    cookie = ""
    for choice in walk:
        seen = by_form(gate, cookie=cookie, choice=choice)
        cookie = f"choices={seen.cookies['choices']}"
    assert events(gate)[-1].state is state
    assert bool(granted(state_of(gate, seen))) is (state in PERMITTING)


@pytest.mark.requirement("COL-26")
def test_a_refusal_carries_no_identifier(gate: ConsentGate) -> None:
    """Two visitors who refuse in the same second hold the same token."""
    tokens = {by_form(gate, choice="reject").cookies["choices"] for _ in range(2)}
    assert len(tokens) == 1
    grants = {by_form(gate, choice="accept").cookies["choices"] for _ in range(2)}
    assert len(grants) == 2
    assert [event.subject for event in events(gate)][:2] == ["", ""]


@pytest.mark.requirement("WDR-02", "CKE-13")
def test_withdrawing_expires_what_was_granted_in_the_same_answer(gate: ConsentGate) -> None:
    """Every variant of the denied cookies that the browser sent; necessary ones stay."""
    token = by_form(gate, choice="accept").cookies["choices"]
    cookie = f"choices={token}; _fbp=1; _an_id=2; theme=3; session=4"
    seen = by_form(gate, choice="withdraw", cookie=cookie)
    expired = {line.partition(b"=")[0] for line in seen.set_cookies if b"Max-Age=0" in line}
    assert expired == {b"_fbp", b"_an_id", b"theme"}
    assert any(
        b"Domain=shop.example" in line for line in seen.set_cookies if line.startswith(b"_fbp")
    )
    assert [event.state for event in events(gate)] == [State.GIVEN, State.WITHDRAWN]


def test_one_service_can_be_refused_beside_its_purpose(gate: ConsentGate) -> None:
    """A box for each service: what was offered and not ticked is refused."""
    seen = by_form(
        gate, choice="save", p=["functional"], offered=["preferences", "maps"], s=["preferences"]
    )
    state = state_of(gate, seen)
    assert state["services"]["preferences"] is True
    assert state["services"]["maps"] is False
    said = by_json(gate, choice="save", purposes={"functional": True}, services={"maps": False})
    assert json.loads(said.body)["services"] == state["services"]


@pytest.mark.requirement("COL-24")
def test_one_service_can_be_granted_alone(gate: ConsentGate) -> None:
    """Click to load: only that service, and the visitor is still asked about the purposes."""
    seen = by_form(gate, choice="service", service="maps", span="always")
    state = state_of(gate, seen)
    assert state["services"]["maps"] is True
    assert granted(state) == set()
    assert set(state["asks"]) == set(OPTIONAL)


def test_a_service_adds_to_an_earlier_choice(gate: ConsentGate) -> None:
    """What was said of purposes stays, and so does its date."""
    token = by_form(gate, choice="save", p=["statistics"]).cookies["choices"]
    seen = by_form(gate, choice="service", service="maps", span="always", cookie=f"choices={token}")
    state = state_of(gate, seen)
    assert granted(state) == {"statistics"}
    assert state["services"]["maps"] is True


@pytest.mark.requirement("COL-06")
@pytest.mark.parametrize("span", ["once", "always"])
def test_to_name_no_service_is_to_say_nothing(gate: ConsentGate, span: str) -> None:
    """Neither a form nor JSON leaves an event that tells of a refusal nobody made."""
    token = raw.chosen(gate, choice="accept")
    before = len(list(gate.assembly.proof.ledger.events()))
    said = {"choice": "service", "span": span, "notice": notice_of(gate)}
    document = json.dumps({**said, "services": {}}).encode()
    by_json = post("/privacy-choices", document, media_type=b"application/json", cookie=token)
    for asked in (form("/privacy-choices", said, cookie=token), by_json):
        seen = run(gate, *asked)
        assert (seen.status, seen.set_cookies) == (400, [])
    assert len(list(gate.assembly.proof.ledger.events())) == before


def test_a_client_that_cannot_be_told_may_still_refuse(
    gate: ConsentGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in finding the address is no reason to keep a refusal out."""

    def broken(scope: object) -> bytes:
        raise ZeroDivisionError("our own fault")

    monkeypatch.setattr(gate.assembly.placing, "client_of", broken)
    assert by_form(gate, choice="reject").status == 303


def test_closing_under_opt_out_says_nothing() -> None:
    """Where silence grants, closing the first layer is no refusal."""
    gate = raw.gated(raw.page(), OPT_OUT)
    seen = by_form(gate, choice="dismiss")
    assert granted(state_of(gate, seen)) == set(OPTIONAL)


def test_closing_does_not_renew_an_earlier_grant() -> None:
    """What was granted keeps its date: nobody consents by closing a box."""
    now = [float(NOW)]
    gate = raw.gated(raw.page(), OPT_OUT, clock=lambda: now[0])
    token = by_form(gate, choice="save", p=["statistics"]).cookies["choices"]
    now[0] += 90 * 86_400
    by_form(gate, choice="dismiss", cookie=f"choices={token}")
    first, second = events(gate)
    assert second.expires_ms == first.expires_ms


@pytest.mark.requirement("SIG-16", "SIG-07")
def test_a_signal_that_only_a_script_saw_counts_and_stays() -> None:
    """The extension sends no header; what it said is kept in the token."""
    gate = raw.gated(raw.page(), OPT_OUT)
    seen = by_json(gate, choice="signal")
    state = state_of(gate, seen)
    assert state["signals"] == ["gpc"]
    assert state["purposes"]["marketing"] is False
    assert state["decided"] is False
    assert [event.kind for event in events(gate)] == [Kind.SIGNAL]


@pytest.mark.requirement("SIG-06")
def test_a_grant_beats_a_signal_only_where_the_visitor_was_told(gate: ConsentGate) -> None:
    """The conflict must have been shown, and the signal must really have been there."""
    gpc = (b"sec-gpc", b"1")
    sent = {"notice": notice_of(gate), "choice": "accept"}
    untold = run(gate, *form("/privacy-choices", sent, headers=[gpc]))
    assert "marketing" not in granted(state_of(gate, untold, gpc))
    told = run(gate, *form("/privacy-choices", {**sent, "told": "gpc"}, headers=[gpc]))
    assert "marketing" in granted(state_of(gate, told, gpc))
    claimed = run(gate, *form("/privacy-choices", {**sent, "told": "gpc"}))
    assert "marketing" not in granted(state_of(gate, claimed, gpc))


# What is not taken: the body, the status, the code
PROBLEMS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "malformed"),
    ({"choice": "maybe"}, 400, "malformed"),
    ({"choice": ["accept"]}, 400, "malformed"),
    ({"choice": {"accept": True}}, 400, "malformed"),
    ({"choice": "save", "purposes": ["functional"]}, 400, "malformed"),
    ({"choice": "save", "services": 1}, 400, "malformed"),
    ({"choice": "save", "purposes": {"spying": True}}, 422, "unknown_purpose"),
    ({"choice": "save", "services": {"nobody": True}}, 422, "unknown_service"),
    ({"choice": "save", "purposes": {"necessary": False}}, 422, "required_purpose"),
    ({"choice": "accept", "id": "0" * 32}, 422, "unknown_field"),
    ({"choice": "accept", "time": 1}, 422, "unknown_field"),
    ({"choice": "accept", "notice": "0" * 64}, 409, "notice_outdated"),
    ({"choice": "accept", "notice": None}, 400, "malformed"),
]


@pytest.mark.parametrize(("members", "status", "code"), PROBLEMS)
def test_what_is_not_taken_is_a_problem(
    gate: ConsentGate, members: dict[str, Any], status: int, code: str
) -> None:
    """Problem details with a stable code; no event, no cookie, nothing of the input."""
    seen = by_json(gate, **members)
    problem = json.loads(seen.body)
    assert (seen.status, problem["code"], problem["status"]) == (status, code, status)
    assert seen.one(b"content-type") == b"application/problem+json"
    assert seen.one(b"cache-control") == b"private, no-store"
    assert seen.set_cookies == []
    assert events(gate) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"choice": "maybe"}, 400),
        ({"choice": "save", "p": ["spying"]}, 422),
        ({"choice": "save", "s": ["nobody"]}, 422),
        ({"choice": "service", "service": "nobody"}, 422),
        ({"choice": "accept", "notice": ""}, 409),
    ],
)
def test_a_form_that_is_not_taken_shows_the_page_with_why(
    gate: ConsentGate, fields: dict[str, Any], status: int
) -> None:
    """A person reads a page, not JSON; the choice can be made again right there."""
    seen = by_form(gate, **fields)
    assert seen.status == status
    assert seen.one(b"content-type") == b"text/html; charset=utf-8"
    assert b'role="alert"' in seen.body
    assert b'data-privacy-choice="reject"' in seen.body
    assert events(gate) == []


def test_an_outdated_notice_does_not_stop_a_refusal(gate: ConsentGate) -> None:
    """Only a grant needs to name what was shown."""
    assert by_json(gate, choice="reject", notice="0" * 64).status == 200
    assert events(gate)[0].notice_hash == ""


@pytest.mark.requirement("SEC-07")
def test_grants_are_limited_long_before_refusals() -> None:
    """429 with Retry-After for the 31st grant in a minute; a refusal still passes."""
    gate = raw.gated(raw.page())
    statuses = [by_json(gate, choice="accept").status for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    blocked = by_form(gate, choice="accept")
    assert (blocked.status, blocked.one(b"retry-after")) == (429, b"60")
    assert by_json(gate, choice="reject").status == 200


def test_the_limit_counts_a_network_and_forgets_it_after_a_minute() -> None:
    """An IPv6 visitor has a /64; the next minute starts anew."""
    now = [float(NOW)]
    gate = raw.gated(raw.page(), clock=lambda: now[0])

    def accept(address: str) -> int:
        sent = json.dumps({"notice": notice_of(gate), "choice": "accept"}).encode()
        scope, message = post("/privacy-choices", sent, media_type=b"application/json")
        return run(gate, {**scope, "client": (address, 1)}, message).status

    assert [accept(f"2001:db8::{number:x}") for number in range(31)][-2:] == [200, 429]
    assert accept("2001:db8:0:1::1") == 200
    now[0] += 60
    assert accept("2001:db8::1") == 200


class DeadLedger:
    """A ledger whose disk is gone; it may still queue, or not even that."""

    def __init__(self, *, can_defer: bool) -> None:
        self.deferred: list[Event] = []
        self._can_defer = can_defer

    async def append(self, event: Event) -> None:
        raise LedgerUnavailable("the disk is full")

    def defer(self, event: Event) -> None:
        if not self._can_defer:
            raise LedgerUnavailable("the disk is full")
        self.deferred.append(event)

    def save(self, **more: object) -> None:
        raise LedgerUnavailable("the disk is full")


@pytest.mark.requirement("SEC-03", "WDR-08")
@pytest.mark.parametrize("can_defer", [True, False], ids=["queued", "not even queued"])
def test_without_a_ledger_nothing_is_granted_and_everything_refused(
    gate: ConsentGate, can_defer: bool
) -> None:
    """A grant is 503; a refusal or withdrawal takes effect at once, whatever can be written."""
    held = by_form(gate, choice="accept").cookies["choices"]
    gate.assembly.proof._is_prepared = False
    dead = gate.assembly.proof.ledger = DeadLedger(can_defer=can_defer)  # type: ignore[assignment]
    blocked = by_json(gate, choice="accept")
    assert (blocked.status, json.loads(blocked.body)["code"]) == (503, "ledger_unavailable")
    assert blocked.set_cookies == []
    page = by_form(gate, choice="accept")
    assert (page.status, b'role="alert"' in page.body) == (503, True)
    seen = by_form(gate, choice="withdraw", cookie=f"choices={held}; theme=1")
    assert seen.status == 303
    assert granted(state_of(gate, seen)) == set()
    assert any(line.startswith(b"theme=;") for line in seen.set_cookies)
    assert [event.state for event in dead.deferred] == [State.WITHDRAWN] * can_defer
    assert gate.assembly.faults.counts["refusal_record_failed"] == (not can_defer)


def test_refusals_need_not_be_recorded() -> None:
    """``[ledger] records_refusals = false``: they take effect and leave no event."""
    policy = raw.in_memory()
    policy = replace(policy, ledger=replace(policy.ledger, records_refusals=False))
    gate = ConsentGate(raw.page(), policy=policy, development=True, clock=lambda: float(NOW))
    assert by_form(gate, choice="reject").status == 303
    assert by_form(gate, choice="accept").status == 303
    assert [event.state for event in events(gate)] == [State.GIVEN]


@pytest.mark.requirement("COL-16")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_a_post_chooses(gate: ConsentGate, method: str) -> None:
    """A link, an image or a prefetch changes nothing."""
    scope = http("/privacy-choices", method=method, query=b"choice=accept&p=statistics")
    seen = run(gate, scope)
    assert (seen.status, seen.set_cookies) == (200, [])
    assert events(gate) == []


@pytest.mark.parametrize("destination", [b"iframe", b"frame", b"embed", b"object", b"fencedframe"])
def test_a_grant_from_within_a_frame_is_refused(gate: ConsentGate, destination: bytes) -> None:
    """A page framed by someone else could be clicked unseen; refusing there does no harm."""
    sent = {"notice": notice_of(gate)}
    framed = [(b"sec-fetch-dest", destination)]
    assert (
        run(gate, *form("/privacy-choices", {**sent, "choice": "accept"}, headers=framed)).status
        == 403
    )
    assert (
        run(gate, *form("/privacy-choices", {**sent, "choice": "reject"}, headers=framed)).status
        == 303
    )


@pytest.mark.requirement("COL-17")
@pytest.mark.parametrize(
    "purpose", [b"prefetch", b"prefetch;prerender", b"prefetch;anonymous-client-ip"]
)
@pytest.mark.parametrize("path", ["/", "/privacy-choices", "/privacy-choices?choice=accept"])
def test_a_page_fetched_ahead_leaves_nothing(gate: ConsentGate, path: str, purpose: bytes) -> None:
    """Nobody has looked yet: no event, no cookie, though the browser sends a signal too."""
    headers = [(b"sec-purpose", purpose), (b"sec-gpc", b"1")]
    path, _, query = path.partition("?")
    seen = run(gate, http(path, query=query.encode(), headers=headers))
    assert (seen.status, seen.set_cookies) == (200, [])
    assert events(gate) == []


@pytest.mark.requirement("WDR-04")
@pytest.mark.parametrize(
    ("scheme", "is_wanted", "expected"),
    [("https", True, b'"storage"'), ("https", False, None), ("http", True, None)],
)
def test_storage_is_cleared_over_https_alone(
    scheme: str, is_wanted: bool, expected: bytes | None
) -> None:
    """Never cookies, never everything, and only where something was taken back."""
    gate = raw.gated(raw.page(), replace(SHOP, site=replace(SHOP.site, clear_storage=is_wanted)))
    cookie = raw.chosen(gate, choice="accept", scheme=scheme)
    fields = {"choice": "withdraw", "notice": notice_of(gate)}
    answer = run(gate, *form("/privacy-choices", fields, cookie=cookie, scheme=scheme))
    assert answer.one(b"clear-site-data") == expected
    again = run(gate, *form("/privacy-choices", fields, scheme=scheme))
    assert again.one(b"clear-site-data") is None
