"""The decision: its truth table, and the laws that hold for every input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.choices import Choice, intersection
from consentgate.domain.decision import DAY_SECONDS, EARLIEST, Decision, Reason, decide
from consentgate.domain.policy.policy import Policy, Role, Service
from consentgate.domain.policy.purposes import Wording
from consentgate.domain.regimes import Model, Regime, stricter
from consentgate.domain.signals import NONE, Signals, read_signals
from tests.policies import SHOP

NOW = 1_790_000_000
REGIMES = {model: Regime(code="XX", model=model) for model in Model}
OPT_IN, OPT_OUT, NOTICE = REGIMES[Model.OPT_IN], REGIMES[Model.OPT_OUT], REGIMES[Model.NOTICE]
GPC, DNT = Signals(gpc=True), Signals(dnt=True)
KEYS = ("functional", "statistics", "marketing")
ACCEPT = Choice(made_at=NOW, purposes=dict.fromkeys(KEYS, True))
REJECT = Choice(made_at=NOW, purposes=dict.fromkeys(KEYS, False))
VECTORS = json.loads(
    (Path(__file__).parents[1] / "corpora" / "header_vectors.json").read_text("utf-8")
)


def letters(decision: Decision) -> str:
    """``fsm``: which of functional, statistics and marketing are granted."""
    return "".join(key[0] for key in KEYS if decision.purposes[key].is_granted)


TABLE = [
    # regime, signals, choice, minor -> granted, asked
    (OPT_IN, NONE, None, False, "", True),
    (OPT_IN, NONE, ACCEPT, False, "fsm", False),
    (OPT_IN, NONE, REJECT, False, "", False),
    (OPT_IN, GPC, None, False, "", True),
    (OPT_IN, DNT, None, False, "", False),
    (OPT_IN, GPC, ACCEPT, False, "fs", False),
    (OPT_IN, DNT, ACCEPT, False, "f", False),
    (OPT_OUT, NONE, None, False, "fsm", False),
    (OPT_OUT, NONE, REJECT, False, "", False),
    (OPT_OUT, NONE, ACCEPT, False, "fsm", False),
    (OPT_OUT, GPC, None, False, "fs", False),
    (OPT_OUT, DNT, None, False, "f", False),
    (OPT_OUT, GPC, ACCEPT, False, "fs", False),
    (OPT_OUT, GPC, REJECT, False, "", False),
    (NOTICE, NONE, None, False, "fsm", False),
    (NOTICE, GPC, None, False, "fs", False),
    (NOTICE, Signals(gpc=True, dnt=True), None, False, "f", False),
    # a known minor
    (OPT_IN, NONE, ACCEPT, True, "fs", False),
    (OPT_OUT, NONE, None, True, "fs", False),
    # a grant made after being shown the conflict stands (SIG-06), for that signal only
    (OPT_OUT, GPC, replace(ACCEPT, told=GPC), False, "fsm", False),
    (OPT_OUT, DNT, replace(ACCEPT, told=GPC), False, "f", False),
    (OPT_OUT, DNT, replace(ACCEPT, told=DNT), False, "fsm", False),
    # an opt-out once signalled does not lapse with its header (SIG-07)
    (OPT_OUT, NONE, Choice(made_at=NOW, is_explicit=False, signalled=GPC), False, "fs", False),
    (OPT_OUT, NONE, replace(ACCEPT, signalled=GPC), False, "fs", False),
    (OPT_OUT, NONE, replace(ACCEPT, signalled=GPC, told=GPC), False, "fsm", False),
    # expiry, in both directions of the clock
    (OPT_IN, NONE, replace(ACCEPT, made_at=NOW - 180 * DAY_SECONDS + 1), False, "fsm", False),
    (OPT_IN, NONE, replace(ACCEPT, made_at=NOW - 180 * DAY_SECONDS), False, "", True),
    (OPT_IN, NONE, replace(REJECT, made_at=NOW - 180 * DAY_SECONDS + 1), False, "", False),
    (OPT_IN, NONE, replace(REJECT, made_at=NOW - 180 * DAY_SECONDS), False, "", True),
    (OPT_IN, NONE, replace(ACCEPT, made_at=NOW + 300), False, "fsm", False),
    (OPT_IN, NONE, replace(ACCEPT, made_at=NOW + 301), False, "", True),
]


@pytest.mark.requirement(
    "SIG-05",
    "SIG-06",
    "SIG-07",
    "SIG-10",
    "SIG-19",
    "SIG-21",
    "COL-23",
    "VER-04",
    "VER-06",
    "VER-07",
    "JUR-07",
)
@pytest.mark.parametrize(("regime", "signals", "choice", "minor", "granted", "asked"), TABLE)
def test_the_truth_table(
    regime: Regime, signals: Signals, choice: Choice | None, minor: bool, granted: str, asked: bool
) -> None:
    """Regime, signal, choice, age and clock: what is granted, and whether to ask."""
    decision = decide(SHOP, regime, signals, choice, NOW, is_minor=minor)
    assert (letters(decision), bool(decision.asks)) == (granted, asked)
    assert decision.allows("necessary")
    assert decision.allows("shop")


@pytest.mark.parametrize(
    ("choice", "granted", "reason"),
    [
        (None, False, Reason.SILENCE_DENIES),
        (ACCEPT, True, Reason.CHOSEN),
        # it serves two purposes: the most restrictive counts (STO-17)
        (
            Choice(made_at=NOW, purposes={**ACCEPT.purposes, "marketing": False}),
            False,
            Reason.REFUSED,
        ),
        # something was said of it alone
        (
            Choice(made_at=NOW, purposes=REJECT.purposes, services={"maps": True}),
            True,
            Reason.CHOSEN,
        ),
        (
            Choice(made_at=NOW, purposes=ACCEPT.purposes, services={"maps": False}),
            False,
            Reason.REFUSED,
        ),
        # it means something else now (VER-09)
        (replace(ACCEPT, changed=frozenset({"maps"})), False, Reason.CHANGED),
        (replace(REJECT, changed=frozenset({"maps"})), False, Reason.REFUSED),
    ],
)
@pytest.mark.requirement("STO-17", "VER-09")
def test_services(choice: Choice | None, granted: bool, reason: Reason) -> None:
    """A service needs all its purposes, unless something was said of it alone."""
    decision = decide(SHOP, OPT_IN, NONE, choice, NOW)
    assert (decision.allows("maps"), decision.why("maps")) == (granted, reason)


@pytest.mark.requirement("VER-01", "VER-05")
def test_a_change_asks_only_those_who_granted() -> None:
    """Whoever refused is left alone inside the interval."""
    changed = frozenset({"ads"})
    assert decide(SHOP, OPT_IN, NONE, replace(ACCEPT, changed=changed), NOW).asks == ("ads",)
    assert decide(SHOP, OPT_IN, NONE, replace(REJECT, changed=changed), NOW).asks == ()


@pytest.mark.requirement("VER-04", "VER-05")
@pytest.mark.parametrize("regime", [OPT_OUT, NOTICE])
def test_a_refusal_never_lapses_where_silence_grants(regime: Regime) -> None:
    """Years later it still denies; whether to ask again is another matter."""
    old = replace(REJECT, made_at=NOW - 1_000 * DAY_SECONDS)
    old = replace(old, made_at=max(old.made_at, EARLIEST))
    decision = decide(SHOP, regime, NONE, old, NOW + 1_000 * DAY_SECONDS)
    assert letters(decision) == ""
    assert decision.why("marketing") is Reason.REFUSED


@pytest.mark.requirement("VER-07")
@pytest.mark.parametrize("made_at", [NOW + 301, NOW + 10**9, EARLIEST - 1, 0])
@pytest.mark.parametrize("regime", list(REGIMES.values()), ids=list(Model))
def test_wrong_clocks_cost_grants_and_no_refusal(regime: Regime, made_at: int) -> None:
    """From the future, or older than any notice: no grant counts, every objection does."""
    for choice in (ACCEPT, REJECT, replace(ACCEPT, signalled=GPC)):
        decision = decide(SHOP, regime, NONE, replace(choice, made_at=made_at), NOW)
        believed = decide(SHOP, regime, NONE, choice, NOW)
        assert set(letters(decision)) <= set(letters(believed))
        if regime is OPT_IN:
            assert letters(decision) == ""
    assert letters(decide(SHOP, regime, NONE, replace(REJECT, made_at=made_at), NOW)) == ""


@pytest.mark.requirement("TPD-06")
@pytest.mark.parametrize(
    ("role", "contract", "cross_site", "is_allowed"),
    [
        (Role.FIRST_PARTY, False, True, True),
        (Role.PROCESSOR, True, True, True),
        (Role.PROCESSOR, False, True, False),
        (Role.THIRD_PARTY, True, True, False),
        (Role.THIRD_PARTY, False, False, True),
    ],
)
def test_gpc_reaches_third_parties_whatever_the_purpose(
    role: Role, contract: bool, cross_site: bool, is_allowed: bool
) -> None:
    """Statistics by somebody who follows people across sites is sharing; a processor is one by
    contract only."""
    counter = Service(
        key="counter",
        purposes=("statistics",),
        role=role,
        has_contract=contract,
        is_cross_site=cross_site,
    )
    policy = replace(SHOP, services=(*SHOP.services, counter))
    assert decide(policy, OPT_OUT, GPC, None, NOW).allows("counter") is is_allowed
    assert decide(policy, OPT_OUT, NONE, None, NOW).allows("counter")
    assert decide(policy, OPT_OUT, GPC, replace(ACCEPT, told=GPC), NOW).allows("counter")
    assert decide(policy, OPT_OUT, GPC, None, NOW).allows("statistics")


@pytest.mark.requirement("VER-01", "VER-05")
def test_who_granted_is_asked_again_and_who_refused_is_not() -> None:
    """All of a grant has changed since: asked. A refusal of which nothing is left: not."""
    granted = Choice(made_at=NOW, id="ab" * 16)
    assert decide(SHOP, OPT_IN, NONE, granted, NOW).asks == KEYS
    some = Choice(made_at=NOW, purposes={"statistics": False}, id="ab" * 16)
    assert decide(SHOP, OPT_IN, NONE, some, NOW).asks == ("functional", "marketing")
    assert decide(SHOP, OPT_IN, NONE, replace(some, id=""), NOW).asks == ()


def test_undeclared_keys_are_denied() -> None:
    """Nobody declared it: never, and it says so."""
    decision = decide(SHOP, NOTICE, NONE, ACCEPT, NOW)
    assert (decision.allows("typo"), decision.why("typo")) == (False, Reason.UNDECLARED)


flags = st.booleans()
signals_ = st.builds(Signals, gpc=flags, dnt=flags, prefetch=flags)
said = st.dictionaries(st.sampled_from(KEYS), flags)
services_said = st.dictionaries(st.sampled_from(["analytics", "ads", "maps"]), flags)
choices = st.none() | st.builds(
    Choice,
    made_at=st.integers(min_value=NOW - 500 * DAY_SECONDS, max_value=NOW + 1_000),
    is_explicit=flags,
    purposes=said,
    services=services_said,
    changed=st.frozensets(st.sampled_from(["ads", "maps", "gone"])),
    told=signals_,
    signalled=signals_,
)
regimes = st.sampled_from(list(REGIMES.values()))


def granted(decision: Decision) -> set[str]:
    verdicts = {**decision.purposes, **decision.services}
    return {key for key, verdict in verdicts.items() if verdict.is_granted}


@given(regimes, signals_, choices, flags)
def test_it_is_total(regime: Regime, signals: Signals, choice: Choice | None, minor: bool) -> None:
    """Every input gets a verdict for every purpose and service; necessary is always granted."""
    decision = decide(SHOP, regime, signals, choice, NOW, is_minor=minor)
    assert set(decision.purposes) == set(SHOP.purpose_by_key)
    assert set(decision.services) == set(SHOP.service_by_key)
    assert {"necessary", "shop"} <= granted(decision)


@given(regimes, signals_, signals_, choices)
def test_a_signal_never_grants(
    regime: Regime, signals: Signals, more: Signals, choice: Choice | None
) -> None:
    """Adding a signal only takes away."""
    without = granted(decide(SHOP, regime, signals, choice, NOW))
    assert granted(decide(SHOP, regime, signals | more, choice, NOW)) <= without


@given(regimes, regimes, signals_, choices, flags)
def test_more_protective_inputs_never_permit_more(
    one: Regime, other: Regime, signals: Signals, choice: Choice | None, minor: bool
) -> None:
    """A stricter regime, a minor: nothing is granted that was not granted before."""
    strict = REGIMES[stricter(one.model, other.model)]
    before = granted(decide(SHOP, one, signals, choice, NOW))
    assert granted(decide(SHOP, strict, signals, choice, NOW)) <= before
    assert granted(decide(SHOP, one, signals, choice, NOW, is_minor=minor)) <= before


@given(signals_)
def test_rejecting_never_permits_more_than_silence(signals: Signals) -> None:
    """Under opt-in, saying no is never worse than saying nothing."""
    silent = granted(decide(SHOP, OPT_IN, signals, None, NOW))
    assert granted(decide(SHOP, OPT_IN, signals, REJECT, NOW)) <= silent


@given(regimes, signals_, choices)
def test_wording_never_changes_a_verdict(
    regime: Regime, signals: Signals, choice: Choice | None
) -> None:
    """Other texts, same verdicts (VER-02)."""
    assert decide(SHOP, regime, signals, choice, NOW) == decide(
        reworded(SHOP), regime, signals, choice, NOW
    )


def reworded(policy: Policy) -> Policy:
    purposes = tuple(replace(p, wording=Wording("new", "new words")) for p in policy.purposes)
    services = tuple(replace(s, name="New", description="new words") for s in policy.services)
    return replace(policy, purposes=purposes, services=services)


@given(regimes, signals_, choices, st.sampled_from(["ads", "maps", "analytics"]))
def test_one_changed_service_touches_only_itself(
    regime: Regime, signals: Signals, choice: Choice | None, key: str
) -> None:
    """Everything else keeps its verdict."""
    if choice is None:
        return
    before = decide(SHOP, regime, signals, replace(choice, changed=frozenset()), NOW)
    after = decide(SHOP, regime, signals, replace(choice, changed=frozenset({key})), NOW)
    assert after.purposes == before.purposes
    assert {k: v for k, v in after.services.items() if k != key} == {
        k: v for k, v in before.services.items() if k != key
    }
    assert after.services[key].is_granted <= before.services[key].is_granted


@given(regimes, signals_, st.lists(choices.filter(bool), min_size=1, max_size=3))
def test_several_tokens_grant_only_what_each_grants_explicitly(
    regime: Regime, signals: Signals, several: list[Choice]
) -> None:
    """The intersection says yes only where every one said yes."""
    joint = intersection(tuple(several))
    for key, yes in joint.purposes.items():
        assert not yes or all(choice.purposes.get(key) for choice in several)
    for choice in several:
        for key, yes in choice.purposes.items():
            assert yes or joint.purposes[key] is False


@pytest.mark.requirement("SIG-01", "SIG-02")
@pytest.mark.parametrize("case", VECTORS["gpc"], ids=lambda case: case["why"])
def test_gpc_headers(case: dict[str, object]) -> None:
    """Vectors derived from the GPC editor's draft; a joined list reads as protective."""
    expected = case["gpc"] if isinstance(case["gpc"], bool) else True
    assert read_signals(raw(case)).gpc is expected


@pytest.mark.requirement("SIG-18", "SIG-20")
@pytest.mark.parametrize("case", VECTORS["dnt"])
def test_dnt_headers(case: dict[str, object]) -> None:
    """The first character decides; 0 is no objection, and never consent."""
    assert read_signals(raw(case)).dnt is (case["dnt"] == "1")


@given(st.lists(st.tuples(st.sampled_from([b"sec-gpc", b"dnt", b"sec-purpose"]), st.binary())))
def test_no_signal_header_raises(headers: list[tuple[bytes, bytes]]) -> None:
    """Any bytes at all."""
    read_signals(headers)


def raw(case: dict[str, object]) -> list[tuple[bytes, bytes]]:
    pairs: list[list[str]] = case["headers"]  # type: ignore[assignment]
    return [(name.encode(), value.encode()) for name, value in pairs]
