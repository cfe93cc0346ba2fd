"""Choices made in other consent tools are taken over: refusals always, grants where they count."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate import ConsentGate
from consentgate.domain.events import State
from consentgate.domain.policy.policy import Migration, Policy, RegimeSettings
from consentgate.errors import LedgerUnavailable, PolicyError
from consentgate.formats.other_choices import TOOLS, said_to
from consentgate.formats.policy.reader import parse_policy
from tests.asgi import raw
from tests.asgi.raw import Exchange, http, run
from tests.policies import SHOP

CORPUS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "other_choices.json").read_text("utf-8")
)
"""Cookies written by the real libraries: scripts/other_choices."""
BY_HAND = {
    "cookiebot": {
        name: f"CookieConsent=%7Bstamp:%27k3Yx%2BQ==%27%2Cnecessary:true%2Cpreferences:{one}%2C"
        f"statistics:{one}%2Cmarketing:{two}%2Cmethod:%27explicit%27%2Cver:1%2Cutc:1795868483464"
        "%2Cregion:%27de%27%7D"
        for name, one, two in (
            ("granted", "true", "true"),
            ("refused", "false", "false"),
            ("some", "true", "false"),
        )
    },
    "onetrust": {
        name: "OptanonConsent=isGpcEnabled=0&datestamp=Sat+Nov+28+2026+13%3A20%3A30+GMT%2B0100+"
        "(Central+European+Standard+Time)&version=202409.1.0&isIABGlobal=false&hosts=&consentId=x"
        f"&interactionCount=1&groups=C0001%3A1%2CC0002%3A{one}%2CC0003%3A{one}%2CC0004%3A{two}"
        for name, one, two in (("granted", 1, 1), ("refused", 0, 0), ("some", 1, 0))
    },
}
"""As Cookiebot's developer documentation and OneTrust's cookie itself write them."""
COOKIES = {**CORPUS, **BY_HAND}
CASES = [
    (tool, name)
    for tool, said in COOKIES.items()
    for name in ("granted", "refused", "some")
    if name in said
]
NOW = 1_795_900_000
"""Some hours after the cookies of the corpus were made."""
OWN = {"analytics": ("statistics", "functional"), "ads": ("marketing",)}
EVERYTHING = {"functional", "statistics", "marketing"}
BROWSER = [(b"sec-fetch-dest", b"document"), (b"accept", b"text/html")]


def policy_for(tool: str, **changes: Any) -> Policy:
    """The shop, taking over one tool's cookie."""
    own = {} if TOOLS[tool].purposes else OWN
    migration = Migration(**{"purposes": own, **changes})
    return replace(SHOP, migrations={tool: migration})


def gate_for(tool: str, **changes: Any) -> ConsentGate:
    return raw.gated(raw.page(), policy_for(tool, **changes), clock=lambda: float(NOW))


def open_page(gate: ConsentGate, cookie: str, **more: Any) -> tuple[set[str], Exchange]:
    """What a page's request permits, and its answer."""
    answer = run(gate, http(cookie=cookie, headers=more.pop("headers", BROWSER), **more))
    assert answer.status == 200
    consent = gate.app.scope["state"]["consent"]  # type: ignore[attr-defined]  # a Script
    return {key for key in sorted(EVERYTHING) if consent.allows(key)}, answer


def events(gate: ConsentGate) -> list[Any]:
    return list(gate.assembly.proof.ledger.events())


@pytest.mark.parametrize(("tool", "name"), CASES)
def test_each_tools_real_cookie_is_read(tool: str, name: str) -> None:
    """All granted, all refused, and marketing alone refused, as the library wrote it."""
    value = COOKIES[tool][name].partition("=")[2].encode()
    said = said_to(TOOLS[tool], value)
    assert said is not None
    meant = TOOLS[tool].purposes or OWN
    expected = {"granted": EVERYTHING, "refused": set(), "some": {"functional", "statistics"}}
    held = {key: True for targets in meant.values() for key in targets}
    for key, one in said[0].items():
        for target in meant.get(key, ()):
            held[target] = held[target] and one
    assert {key for key, one in held.items() if one} == expected[name]
    if said[1] is not None:
        assert abs(said[1] - NOW) < 4 * 86_400


@pytest.mark.parametrize("tool", COOKIES)
@pytest.mark.parametrize("counts", [True, False])
def test_a_refusal_is_taken_over_once(tool: str, counts: bool) -> None:
    """Nobody asks again; the token carries no identifier, and the other cookie goes."""
    gate = gate_for(tool, counts_grants=counts)
    cookie = COOKIES[tool]["refused"]
    allowed, answer = open_page(gate, cookie)
    assert allowed == set()
    assert "data-privacy-note" not in answer.text
    token = f"choices={answer.cookies['choices']}"
    name = cookie.partition("=")[0].encode()
    assert any(line.startswith(name + b"=; Max-Age=0") for line in answer.set_cookies)
    assert [(event.state, event.subject, event.source) for event in events(gate)] == [
        (State.REFUSED, "", tool)
    ]
    _, again = open_page(gate, token)
    assert "data-privacy-note" not in again.text
    assert len(events(gate)) == 1


@pytest.mark.parametrize("tool", COOKIES)
def test_a_grant_counts_only_where_the_policy_says_so(tool: str) -> None:
    """Then it is recorded before it counts; otherwise the visitor is asked."""
    cookie = COOKIES[tool]["granted"]
    deaf = gate_for(tool)
    allowed, answer = open_page(deaf, cookie)
    assert allowed == set()
    assert "data-privacy-note" in answer.text
    assert events(deaf) == []
    gate = gate_for(tool, counts_grants=True, since=dt.date(2026, 11, 1))
    allowed, answer = open_page(gate, cookie)
    assert allowed == EVERYTHING
    (event,) = events(gate)
    assert (event.state, event.method, event.source) == (State.GIVEN, "taken-over", tool)
    assert event.subject
    assert answer.one(b"cache-control") is not None
    assert b"private" in (answer.one(b"cache-control") or b"")
    allowed, _ = open_page(gate, f"choices={answer.cookies['choices']}")
    assert allowed == EVERYTHING


@pytest.mark.parametrize("tool", COOKIES)
def test_part_of_it_is_taken_over_as_it_was_said(tool: str) -> None:
    """What was refused stays refused where grants count; where they do not, only that is heard."""
    cookie = COOKIES[tool]["some"]
    gate = gate_for(tool, counts_grants=True, since=dt.date(2026, 11, 1))
    assert open_page(gate, cookie)[0] == {"functional", "statistics"}
    deaf = gate_for(tool)
    allowed, answer = open_page(deaf, cookie)
    assert allowed == set()
    assert "data-privacy-note" in answer.text  # the rest is asked
    assert "choices" not in answer.cookies


def test_refusals_count_on_every_request(tmp_path: Path) -> None:
    """Under opt-out a script's request with the other cookie is refused too, without a token."""
    policy = replace(policy_for("cookiebot"), regimes=RegimeSettings(fixed="opt-out"))
    gate = raw.gated(raw.page(), policy, clock=lambda: float(NOW))
    allowed, answer = open_page(gate, COOKIES["cookiebot"]["refused"], headers=[])
    assert allowed == set()
    assert answer.cookies == {}
    assert events(gate) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"since": None},
        {"since": dt.date(2026, 2, 1)},  # longer ago than a grant lasts
        {"since": dt.date(2025, 12, 1)},
        {"since": dt.date(2027, 1, 1)},
    ],
)
def test_a_grant_of_no_known_age_or_too_old_does_not_count(changes: dict[str, Any]) -> None:
    """Klaro's cookie tells no moment: the policy may, within a grant's lifetime."""
    gate = gate_for("klaro", counts_grants=True, **changes)
    assert open_page(gate, COOKIES["klaro"]["granted"])[0] == set()


def test_what_was_chosen_here_wins() -> None:
    """A token of ours, and the other tool's cookie is not looked at."""
    gate = gate_for("cookiebot", counts_grants=True)
    token = raw.chosen(gate, choice="reject")
    assert open_page(gate, f"{token}; {COOKIES['cookiebot']['granted']}")[0] == set()


def test_two_tools_that_differ_refuse() -> None:
    """What one of them refused is refused."""
    both = {tool: Migration(counts_grants=True) for tool in ("cookiebot", "onetrust")}
    gate = raw.gated(raw.page(), replace(SHOP, migrations=both), clock=lambda: float(NOW))
    cookie = f"{COOKIES['cookiebot']['granted']}; {COOKIES['onetrust']['some']}"
    assert open_page(gate, cookie)[0] == {"functional", "statistics"}


def test_a_signal_beats_what_was_granted_elsewhere() -> None:
    """Nobody was told of the conflict there."""
    gate = gate_for("cookiebot", counts_grants=True)
    cookie = COOKIES["cookiebot"]["granted"]
    headers = [*BROWSER, (b"sec-gpc", b"1")]
    assert open_page(gate, cookie, headers=headers)[0] == {"functional", "statistics"}


def test_without_a_ledger_no_grant_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused counts all the same, and the next page tries again."""
    gate = gate_for("cookiebot", counts_grants=True)

    async def down(event: object) -> None:
        raise LedgerUnavailable("down")

    monkeypatch.setattr(gate.assembly.proof.ledger, "append", down)
    allowed, answer = open_page(gate, COOKIES["cookiebot"]["some"])
    assert allowed == set()
    assert "choices" not in answer.cookies


def test_a_service_can_be_named() -> None:
    """A key of the tool may mean one service of the policy; it may have another cookie's name."""
    changes = {"purposes": {"ads": ("maps",), "analytics": ()}, "cookie": "own-name"}
    policy = replace(policy_for("klaro", **changes), regimes=RegimeSettings(fixed="opt-out"))
    gate = raw.gated(raw.page(), policy, clock=lambda: float(NOW))
    open_page(gate, COOKIES["klaro"]["refused"].replace("klaro=", "own-name="))
    consent = gate.app.scope["state"]["consent"]  # type: ignore[attr-defined]  # a Script
    assert not consent.allows("maps")
    assert consent.allows("functional")


@given(st.sampled_from(sorted(TOOLS)), st.binary(max_size=300))
def test_any_value_is_read_without_a_word(tool: str, value: bytes) -> None:
    """Nothing raises; at worst it says nothing."""
    said = said_to(TOOLS[tool], value)
    assert said is None or said[0]


@pytest.mark.parametrize(
    ("tool", "value"),
    [
        ("cc_cookie", b"[]"),
        ("cc_cookie", b"%7B%22categories%22%3A3%7D"),
        ("klaro", b'{"ads": "yes"}'),
        ("tarteaucitron", b"!ads=wait"),
        ("c15t", b"c.marketing:1,i.t:1"),
        ("cookiebot", b"0"),
        ("onetrust", b"groups=nothing"),
        ("tcf", b"BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA"),
        ("tcf", b"C"),
        ("klaro", b"x" * 9_000),
    ],
)
def test_what_says_nothing_is_no_choice(tool: str, value: bytes) -> None:
    """Older versions, other values, nothing said yet."""
    assert said_to(TOOLS[tool], value) is None


POLICY = """
version = "1"
effective = 2026-11-01
[controller]
name = "Shop"
[migration.cc_cookie]
grants = true
since = 2026-11-01
purposes = { analytics = "statistics", ads = ["marketing", "functional"] }
"""


def test_the_policy_file_says_it() -> None:
    """One key or several; what leads nowhere is a fault."""
    found = parse_policy(POLICY).migrations["cc_cookie"]
    assert found.purposes == {"analytics": ("statistics",), "ads": ("marketing", "functional")}
    assert (found.counts_grants, found.since) == (True, dt.date(2026, 11, 1))
    with pytest.raises(PolicyError, match=r'"statistic" is no purpose.*CG112'):
        parse_policy(POLICY.replace('"statistics"', '"statistic"'))
