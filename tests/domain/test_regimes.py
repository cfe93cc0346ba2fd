"""The table of regimes: complete, dated, sourced; and the rules that only tighten."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.asgi.placing import table_of
from consentgate.asgi.startup.policy_file import load_regimes
from consentgate.domain.choices import Choice
from consentgate.domain.decision import DAY_SECONDS, decide
from consentgate.domain.policy.policy import Controller, Policy, RegimeSettings
from consentgate.domain.regime_table import RegimeTable, regime_table, row_of
from consentgate.domain.regimes import (
    NOWHERE,
    STRICTNESS,
    UNKNOWN,
    Model,
    Place,
    Regime,
    place_of,
    stricter,
    tightened,
)
from consentgate.domain.signals import NONE, Signals
from tests.policies import SHOP

TABLE = regime_table(load_regimes())
TODAY = dt.date(2026, 11, 24)
EU = [
    "AT",
    "BE",
    "BG",
    "HR",
    "CY",
    "CZ",
    "DK",
    "EE",
    "FI",
    "FR",
    "DE",
    "GR",
    "HU",
    "IE",
    "IT",
    "LV",
    "LT",
    "LU",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SK",
    "SI",
    "ES",
    "SE",
]
TERRITORIES = ["AX", "GF", "GP", "MQ", "MF", "RE", "YT"]
BINDING = [
    "US-CA",
    "US-CO",
    "US-CT",
    "US-DE",
    "US-MN",
    "US-MT",
    "US-NH",
    "US-NJ",
    "US-OR",
    "US-TX",
    "US-NE",
]
KEYS = ("functional", "statistics", "marketing")
NOW = 1_795_000_000


def rules(place: str, day: dt.date = TODAY, table: RegimeTable = TABLE) -> Regime:
    return table.regime(place_of(place), day)


@pytest.mark.requirement("JUR-01")
@pytest.mark.parametrize(
    "code", [*EU, *TERRITORIES, "IS", "LI", "NO", "GB", "GI", "GG", "JE", "IM"]
)
def test_europe_is_asked(code: str) -> None:
    """Every member state, its territories with codes of their own, the EEA, the United Kingdom
    and Gibraltar: opt-in, under the place's own code."""
    assert (rules(code).model, rules(code).code) == (Model.OPT_IN, code)


@pytest.mark.requirement("JUR-01")
def test_the_flag_of_the_database_is_a_backstop() -> None:
    """A code nobody listed is opt-in all the same, under the EU's rules or the strictest."""
    flagged = TABLE.regime(Place("XA", "", True), TODAY)
    assert (flagged.code, flagged.model) == ("EU", Model.OPT_IN)
    assert TABLE.regime(Place("", "", True), TODAY).code == "EU"


@pytest.mark.requirement("JUR-02")
@pytest.mark.parametrize(
    ("place", "code", "model"),
    [
        ("", "ZZ", Model.OPT_IN),
        ("XX", "ZZ", Model.OPT_IN),
        ("QM", "ZZ", Model.OPT_IN),
        ("US", "US", Model.OPT_OUT),
        ("US-CA", "US-CA", Model.OPT_OUT),
        ("US-NY", "US-*", Model.NOTICE),
        ("US-ZZZZ", "US", Model.OPT_OUT),
        ("CA", "CA", Model.OPT_IN),
        ("CA-QC", "CA-QC", Model.OPT_IN),
        ("CA-ON", "CA-*", Model.OPT_OUT),
        ("DE-BY", "DE", Model.OPT_IN),
        ("CH", "CH", Model.OPT_OUT),
        ("BR", "BR", Model.OPT_IN),
        ("JP", "JP", Model.OPT_OUT),
    ],
)
def test_which_row_holds(place: str, code: str, model: Model) -> None:
    """Unknown is the strictest; the United States without a state are no European Union."""
    assert (rules(place).code, rules(place).model) == (code, model)


def test_unknown_is_the_shipped_row() -> None:
    """What the code falls back to without a table is what the table says."""
    assert TABLE.rows["ZZ"].on(TODAY) == UNKNOWN


@pytest.mark.parametrize("code", list(TABLE.rows))
def test_unknown_is_as_strict_as_every_place(code: str) -> None:
    """Not knowing where someone is never permits more than knowing."""
    known = TABLE.rows[code].on(TODAY)
    assert stricter(UNKNOWN.model, known.model) is UNKNOWN.model
    assert UNKNOWN.minor_age >= known.minor_age
    assert UNKNOWN.lifetime_days is not None
    assert UNKNOWN.lifetime_days <= (known.lifetime_days or 10_000)


@pytest.mark.requirement("JUR-06")
@pytest.mark.parametrize("code", list(TABLE.rows))
def test_every_row_says_where_it_comes_from(code: str) -> None:
    """A source, a day of review, how sure we are; sooner or later, a model until then."""
    row = TABLE.rows[code]
    assert row.name
    assert row.source
    assert row.reviewed >= dt.date(2026, 11, 1)
    assert row.confidence in ("secondary", "unverified", "house")
    assert (row.valid_from is None) == (row.until_then is None)


@pytest.mark.requirement("JUR-06")
@pytest.mark.parametrize(
    ("place", "day", "before", "after"),
    [
        ("US-LA", "2027-01-01", Model.NOTICE, Model.OPT_OUT),
        ("US-OK", "2027-01-01", Model.NOTICE, Model.OPT_OUT),
        ("US-AL", "2027-05-01", Model.NOTICE, Model.OPT_OUT),
        ("US-VT", "2028-01-01", Model.NOTICE, Model.OPT_OUT),
        ("IN", "2027-05-13", Model.NOTICE, Model.OPT_IN),
    ],
)
def test_future_laws_switch_on_by_date(place: str, day: str, before: Model, after: Model) -> None:
    """The evening before and the day itself."""
    first = dt.date.fromisoformat(day)
    assert rules(place, first - dt.timedelta(days=1)).model is before
    assert rules(place, first).model is after
    assert not rules(place, first - dt.timedelta(days=1)).has_opt_out_link


@pytest.mark.requirement("JUR-06")
def test_a_clock_that_stands_in_the_past_switches_no_law_off() -> None:
    """The table was read on a known day: it is not earlier than that."""
    assert rules("US-CA", dt.date(1970, 1, 1)) == rules("US-CA")
    assert rules("US-CA", dt.date(1970, 1, 1)).is_gpc_binding


def test_where_the_signal_is_law() -> None:
    """Nine plain duties, two by agent; an unknown state is taken as one of them."""
    binding = [c for c in TABLE.rows if TABLE.rows[c].on(TODAY).is_gpc_binding]
    assert sorted(binding) == sorted([*BINDING, "US"])


def test_what_california_asks_for() -> None:
    """Twelve months of peace, the link, the signal's effect shown, under 16 a minor."""
    rule = rules("US-CA")
    assert (rule.reask_days, rule.minor_age) == (365, 16)
    assert rule.has_opt_out_link
    assert rule.shows_signal_status
    assert TABLE.rows["US-CA"].dnt == "disclosure"


@pytest.mark.parametrize(
    ("signals", "choice", "granted", "asks"),
    [
        (NONE, None, {"functional", "statistics"}, ("marketing",)),
        (NONE, True, set(KEYS), ()),
        (NONE, False, set(), ()),
        (Signals(gpc=True), None, {"functional", "statistics"}, ()),
        (Signals(dnt=True), None, {"functional"}, ()),
    ],
)
def test_a_mixed_regime_asks_only_before_sale(
    signals: Signals, choice: bool | None, granted: set[str], asks: tuple[str, ...]
) -> None:
    """Switzerland: information and objection in general, consent before advertising networks."""
    said = None if choice is None else Choice(made_at=NOW, purposes=dict.fromkeys(KEYS, choice))
    decision = decide(SHOP, rules("CH"), signals, said, NOW)
    assert {key for key in KEYS if decision.allows(key)} == granted
    assert tuple(key for key in decision.asks if key in KEYS) == asks


@pytest.mark.requirement("JUR-04")
@pytest.mark.parametrize(
    ("settings", "country", "place", "model"),
    [
        ({}, "DE", "US-CA", Model.OPT_IN),
        ({}, "DE", "JP", Model.OPT_IN),
        ({}, "MY", "NZ", Model.OPT_IN),
        ({}, "US", "DE", Model.OPT_IN),
        ({}, "", "NZ", Model.NOTICE),
        ({"follows_establishment": False}, "DE", "US-CA", Model.OPT_OUT),
        ({"floor": "opt-out"}, "", "NZ", Model.OPT_OUT),
        ({"floor": "opt-in"}, "", "NZ", Model.OPT_IN),
        ({"floor": "notice"}, "", "DE", Model.OPT_IN),
        ({"fixed": "notice", "floor": "opt-out"}, "", "DE", Model.OPT_OUT),
        ({"fixed": "US-CA"}, "", "DE", Model.OPT_OUT),
        ({"overrides": {"NZ": {"model": "opt-in"}}}, "", "NZ", Model.OPT_IN),
        ({"overrides": {"DE": {"model": "opt-out"}}, "floor": "opt-in"}, "", "DE", Model.OPT_IN),
        ({"overrides": {"QM": {"model": "notice"}}}, "", "QM", Model.NOTICE),
    ],
)
def test_the_operator_sets_floors(
    settings: dict[str, object], country: str, place: str, model: Model
) -> None:
    """Where the operator is established, a floor, an override; floors only tighten."""
    assert rules(place, table=table_of(operated(settings, country))).model is model


def operated(settings: dict[str, object], country: str) -> Policy:
    return replace(
        SHOP,
        controller=Controller(name="Shop", country=country),
        regimes=RegimeSettings(**settings),  # type: ignore[arg-type]
    )


def test_an_override_keeps_the_rest_of_the_row() -> None:
    """Only what is named changes; a new code needs its model."""
    table = table_of(operated({"overrides": {"FR": {"minor_age": 18}}}, ""))
    assert rules("FR", table=table) == replace(rules("FR"), minor_age=18)
    with pytest.raises(ValueError, match="QM: model: is missing"):
        row_of("QM", {"minor_age": 18}, reviewed=TODAY)


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"model": "opt-inn"}, "expected opt-in, opt-out, notice"),
        ({"model": "opt-in", "minor_age": "16"}, "expected a whole number"),
        ({"model": "opt-in", "minor_age": 99}, "expected 0 to 21"),
        ({"model": "opt-in", "opt_out_link": 1}, "expected true or false"),
        ({"model": "opt-in", "valid_from": "2027-01-01"}, "expected a date"),
        ({"model": "opt-in", "colour": "red"}, "expected one of model,"),
    ],
)
def test_a_row_that_cannot_be(facts: dict[str, object], problem: str) -> None:
    """It says which key, and what was expected."""
    with pytest.raises(ValueError, match=problem):
        row_of("XX", facts, reviewed=TODAY)


@pytest.mark.requirement("JUR-05")
def test_a_residence_only_tightens() -> None:
    """A Californian in Germany has both: asked first, and the rights from home."""
    both = TABLE.regime(place_of("DE"), TODAY, place_of("US-CA"))
    assert both.code == "DE+US-CA"
    assert both.model is Model.OPT_IN
    assert both.is_gpc_binding
    assert both.shows_signal_status
    assert both.reask_days == 365
    home = TABLE.regime(place_of("US-CA"), TODAY, place_of("DE"))
    assert home.model is Model.OPT_IN
    assert TABLE.regime(place_of("DE"), TODAY, NOWHERE) == rules("DE")
    assert TABLE.regime(place_of("DE"), TODAY, place_of("DE")).code == "DE"


regimes = st.builds(
    Regime,
    code=st.just("XX"),
    model=st.sampled_from(Model),
    asks_before_sale=st.booleans(),
    reask_days=st.integers(0, 400),
    lifetime_days=st.none() | st.integers(1, 760),
    minor_age=st.integers(0, 21),
    is_gpc_binding=st.booleans(),
)
choices = st.none() | st.builds(
    Choice,
    made_at=st.integers(NOW - 500 * DAY_SECONDS, NOW + 1_000),
    purposes=st.dictionaries(st.sampled_from(KEYS), st.booleans()),
)


@given(regimes, regimes, choices, st.booleans(), st.booleans(), st.integers(0, 25))
def test_two_sets_of_rules_permit_only_what_both_permit(
    one: Regime, other: Regime, choice: Choice | None, gpc: bool, dnt: bool, age: int
) -> None:
    """Floor, establishment and residence: never milder than either."""
    both = tightened(one, other)

    def granted(regime: Regime) -> set[str]:
        is_minor = age < regime.minor_age
        decision = decide(SHOP, regime, Signals(gpc, dnt), choice, NOW, is_minor=is_minor)
        return {key for key in (*KEYS, "ads", "maps", "analytics") if decision.allows(key)}

    assert granted(both) <= granted(one) & granted(other)


@given(st.text(max_size=12) | st.none() | st.integers(), st.text(max_size=6))
def test_no_word_for_a_place_raises(country: object, subdivision: str) -> None:
    """Headers and databases say anything."""
    place = place_of(country, subdivision)
    assert TABLE.regime(place, TODAY).model in STRICTNESS


@pytest.mark.parametrize("code", [code for code in TABLE.rows if code not in ("EU", "ZZ")])
def test_every_row_can_be_reached(code: str) -> None:
    """Each code is one that a place can have."""
    place = Place(*code.partition("-")[::2]) if code.endswith("*") else place_of(code)
    assert place.code == code
