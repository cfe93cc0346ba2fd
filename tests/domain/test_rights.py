"""Clocks, intervals and access: rules alone, as tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from consentgate.domain.events import Kind, State
from consentgate.domain.policy.access import Recipient, Role
from consentgate.domain.rights.access import given_out, only, permit, undeclared
from consentgate.domain.rights.requests import (
    CHECKLIST,
    Interval,
    acknowledge_by,
    clock_of,
    due,
    intervals,
    unmet,
)
from tests.events import grant, refusal
from tests.policies import SHOP

CLOCKS = [
    # regime, received, due, due when it is extended
    ("FR", "2026-01-31", "2026-02-28", "2026-04-30"),
    ("ZZ", "2026-11-28", "2026-12-28", "2027-02-28"),
    ("", "2027-11-30", "2027-12-30", "2028-02-29"),
    ("US-CA", "2026-11-28", "2027-01-12", "2027-02-26"),
    ("US-TX", "2026-11-28", "2027-01-12", "2027-02-26"),
    ("TR", "2026-11-28", "2026-12-28", "2026-12-28"),
]


@pytest.mark.requirement("DSR-03")
@pytest.mark.parametrize(("regime", "received", "first", "extended"), CLOCKS)
def test_each_place_has_its_clock(regime: str, received: str, first: str, extended: str) -> None:
    """A month by the calendar, 45 and 90 days, 30 days."""
    day, clock = dt.date.fromisoformat(received), clock_of(regime)
    assert str(due(day, clock)) == first
    assert str(due(day, clock, is_extended=True)) == extended


@pytest.mark.requirement("DSR-03")
def test_california_is_told_within_ten_business_days() -> None:
    """Saturday the 28th: Monday is the first of ten; elsewhere no law asks for it."""
    assert acknowledge_by(dt.date(2026, 11, 28), clock_of("US-CA")) == dt.date(2026, 12, 11)
    assert acknowledge_by(dt.date(2026, 11, 28), clock_of("FR")) is None


ALL = {"functional": True, "statistics": True, "marketing": True}
SOME = {"functional": False, "statistics": True, "marketing": False}
NONE_AT_ALL = dict.fromkeys(ALL, False)
CHANGED = {"kind": Kind.CHANGE, "state": State.RENEWED}


@pytest.mark.requirement("TPD-09")
def test_a_service_was_enabled_from_grant_to_withdrawal() -> None:
    """Through a change that keeps it; a service said of alone follows that; expiry ends it."""
    events = [
        grant(at_ms=1_000, purposes=ALL, expires_ms=9_000),
        grant(at_ms=2_000, purposes=SOME, services={"ads": True}, expires_ms=9_000, **CHANGED),
        refusal(at_ms=3_000, purposes=NONE_AT_ALL, state=State.WITHDRAWN, kind=Kind.WITHDRAW),
        grant(at_ms=4_000, purposes=SOME, expires_ms=5_000),
    ]
    assert intervals(SHOP, events[::-1], now_ms=8) == [
        Interval("preferences", 1_000, 2_000),
        Interval("analytics", 1_000, 3_000),
        Interval("analytics", 4_000, None),
        Interval("ads", 1_000, 3_000),
        Interval("maps", 1_000, 2_000),
    ]
    assert Interval("analytics", 4_000, 5_000) in intervals(SHOP, events, now_ms=6_000)


@pytest.mark.requirement("TPD-09")
def test_what_lapsed_before_the_next_grant_was_off_meanwhile() -> None:
    """Two intervals, not one."""
    events = [
        grant(at_ms=1_000, purposes=SOME, expires_ms=2_000),
        grant(at_ms=3_000, purposes=SOME, expires_ms=9_000),
    ]
    assert intervals(SHOP, events, now_ms=4_000) == [
        Interval("analytics", 1_000, 2_000),
        Interval("analytics", 3_000, None),
    ]


def test_a_demand_passes_point_by_point() -> None:
    """Every point of the list, in any order."""
    assert unmet([]) == list(CHECKLIST)
    assert unmet(reversed(CHECKLIST)) == []


POLICY = replace(
    SHOP,
    roles=(
        Role(key="support", users=("ann",), acts=("rights.*",), purposes=("request",),
             fields=("events", "visits.route")),
        Role(key="analyst", users=("bo", "cy"), acts=("report.read",), purposes=("design",)),
        Role(key="root", users=("root",), acts=("*",), purposes=("request", "operation")),
    ),
    recipients=(
        Recipient(key="lawyer", name="Law", kind="third-party", basis="claim",
                  fields=("events", "visits.route")),
    ),
)  # fmt: skip
ACCESS = [
    # user, act, purpose, role that permits it
    ("ann", "rights.show", "request", "support"),
    ("ann", "rights.erase", "request", "support"),
    ("ann", "rights.show", "demand", ""),  # another purpose than hers
    ("ann", "report.read", "request", ""),  # another act
    ("ann", "rights.show", "design", ""),  # declared, by another role
    ("bo", "report.read", "design", "analyst"),
    ("cy", "report.read", "design", "analyst"),
    ("bo", "report.read", "curiosity", ""),  # nobody declared it
    ("bo", "rights.show", "request", ""),
    ("root", "ledger.export", "operation", "root"),
    ("root", "ledger.export", "design", ""),
    ("", "rights.show", "request", ""),
]


@pytest.mark.parametrize(("user", "act", "purpose", "role"), ACCESS)
def test_a_role_permits_its_acts_for_its_purposes(
    user: str, act: str, purpose: str, role: str
) -> None:
    """And nothing else; why is said."""
    found = permit(POLICY, user=user, act=act, purpose=purpose)
    assert (found.is_permitted, found.role) == (bool(role), role)
    assert found.why


def test_without_roles_everybody_who_reads_the_files_may() -> None:
    """For a purpose that is declared."""
    assert permit(SHOP, user="ann", act="rights.show", purpose="request").is_permitted
    assert not permit(SHOP, user="ann", act="rights.show", purpose="design").is_permitted


def test_fields_narrow_what_is_seen() -> None:
    """Whole parts, and single fields of parts; what is no part stays."""
    document = {
        "schema": 1,
        "events": [{"id": 1}],
        "visits": [{"route": "/", "ts": 1}, {"ts": 2}],
        "app": {"name": "Bo"},
        "choice": {"made_at": 1, "purposes": {}},
    }
    assert only(document, ["*"]) == document
    assert only(document, ["events", "visits.route", "choice.made_at"]) == {
        "schema": 1,
        "events": [{"id": 1}],
        "visits": [{"route": "/"}, {}],
        "choice": {"made_at": 1},
    }
    assert undeclared(["events", "visits", "app.name"], ["events", "visits.route", "app"]) == [
        "visits"
    ]


def test_a_recipient_gets_what_is_declared() -> None:
    """Fewer fields than declared are in order; more are named."""
    assert given_out(POLICY, "lawyer", ["visits.route"])[1] == ""
    assert "visits is not declared" in given_out(POLICY, "lawyer", ["events", "visits"])[1]
    with pytest.raises(KeyError):
        given_out(POLICY, "friend", ["events"])
