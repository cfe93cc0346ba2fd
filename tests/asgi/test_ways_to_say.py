"""Form, script, JSON and placeholder say the same of services (invariant 12)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentgate import ConsentGate
from consentgate.domain.policy.policy import Policy, Service
from tests.asgi import raw
from tests.asgi.test_choosing import OPTIONAL, by_form, by_json, state_of
from tests.policies import SHOP

subsets = st.lists(st.sampled_from(OPTIONAL), unique=True)
needs = st.lists(
    st.lists(st.sampled_from(OPTIONAL), min_size=1, unique=True), min_size=1, max_size=4
)


def served(services: list[list[str]]) -> ConsentGate:
    """A gate whose policy has one service for each list of purposes."""
    policy: Policy = replace(
        SHOP,
        services=tuple(
            Service(key=f"s{number}", purposes=tuple(purposes))
            for number, purposes in enumerate(services)
        ),
    )
    return raw.gated(raw.page(), policy)


def was(purposes: list[str], services: dict[str, bool]) -> list[str]:
    """What the choices page says of the boxes that it shows as ticked."""
    ticked = [key for key, is_granted in services.items() if is_granted]
    return [*(f"p:{key}" for key in purposes), *(f"s:{key}" for key in ticked)]


def follows(services: list[list[str]], purposes: list[str]) -> dict[str, bool]:
    """A service needs all of its purposes (STO-17)."""
    return {f"s{n}": set(own) <= set(purposes) for n, own in enumerate(services)}


@pytest.mark.requirement("STO-17", "COL-15")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(services=needs, before=subsets, after=subsets)
def test_every_way_to_say_purposes_grants_the_same_services(
    services: list[list[str]], before: list[str], after: list[str]
) -> None:
    """A form as it came, one whose boxes a script has set, and JSON: each needs all purposes."""
    gate = served(services)
    shown = follows(services, before)
    expected = follows(services, after)
    token = raw.chosen(gate, choice="save", p=before)
    common = {"choice": "save", "p": after, "offered": list(shown), "was": was(before, shown)}
    untouched = by_form(gate, cookie=token, s=[key for key in shown if shown[key]], **common)
    scripted = by_form(gate, cookie=token, s=[key for key in expected if expected[key]], **common)
    told = by_json(gate, cookie=token, choice="save", purposes=dict.fromkeys(after, True))
    assert state_of(gate, untouched)["services"] == expected
    assert state_of(gate, scripted)["services"] == expected
    assert json.loads(told.body)["services"] == expected


@pytest.mark.requirement("STO-17", "COL-24")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(services=needs, purposes=subsets, data=st.data())
def test_a_service_named_alone_is_granted_alone(
    services: list[list[str]], purposes: list[str], data: st.DataObject
) -> None:
    """Its placeholder, its box and JSON grant this one, and no other beside it."""
    gate = served(services)
    named = data.draw(st.sampled_from(sorted(follows(services, purposes))))
    shown = follows(services, purposes)
    expected = {**shown, named: True}
    token = raw.chosen(gate, choice="save", p=purposes)
    boxed = by_form(
        gate,
        cookie=token,
        choice="save",
        p=purposes,
        offered=list(shown),
        was=was(purposes, shown),
        s=[key for key in expected if expected[key]],
    )
    said = by_json(
        gate,
        cookie=token,
        choice="save",
        purposes=dict.fromkeys(purposes, True),
        services={named: True},
    )
    assert state_of(gate, boxed)["services"] == expected
    assert json.loads(said.body)["services"] == expected
    if purposes:
        placed = by_form(gate, cookie=token, choice="service", service=named, span="always")
        assert state_of(gate, placed)["services"] == expected
