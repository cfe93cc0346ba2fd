"""The disclosure, judged from outside: it follows from the policy in force, sentence by sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.domain.policy.policy import CookiePattern, Policy, Role, Service, SignalSettings
from consentgate.domain.policy.purposes import SHIPPED, Wording
from tests.asgi.raw import Exchange, chosen, gated, http, page, run
from tests.policies import SHOP, with_site

ADDRESS = "/privacy-choices/disclosure"
JSON = [(b"accept", b"application/json")]


def fetched(policy: Policy = SHOP, path: str = ADDRESS, **request: Any) -> Exchange:
    answer = run(gated(page(), policy), http(path, **request))
    assert answer.status == 200
    return answer


def document(policy: Policy = SHOP, query: bytes = b"") -> dict[str, Any]:
    return dict(json.loads(fetched(policy, headers=JSON, query=query).body))


@pytest.mark.requirement("SIG-34")
@pytest.mark.parametrize(
    ("signals", "gpc", "dnt"),
    [
        ({}, "switches off: Advertising", "switches off: Statistics, Advertising"),
        (
            {"gpc": "binding"},
            "where the law asks us to. There it switches off: Advertising",
            "Stat",
        ),
        ({"gpc": "off"}, "do not respond to Global Privacy Control", "as an objection"),
        ({"dnt": "off"}, "as an opt-out", "do not respond to Do Not Track"),
    ],
    ids=str,
)
def test_how_signals_are_answered(signals: dict[str, str], gpc: str, dnt: str) -> None:
    """The statement flips with the setting, on the page and in the JSON."""
    policy = replace(SHOP, signals=SignalSettings(**signals))
    told = document(policy)
    assert gpc in told["gpc_response"]
    assert dnt in told["dnt_response"]
    body = fetched(policy).body.decode()
    assert told["gpc_response"] in body
    assert told["dnt_response"] in body


@pytest.mark.requirement("SIG-34", "TPD-06")
def test_the_answer_is_what_the_decision_does() -> None:
    """A purpose that stops selling is no longer switched off; a sharing service alone is named."""
    purposes = tuple(replace(one, is_sale_or_share=False) for one in SHIPPED)
    counter = Service(key="counter", purposes=("statistics",), owner="C Ltd", is_cross_site=True)
    policy = replace(SHOP, purposes=purposes, services=(*SHOP.services[:3], counter))
    assert document(policy)["gpc"] == {
        "honoured": "everywhere",
        "switches_off": [],
        "switches_off_services": ["counter"],
    }
    assert "switches off: counter" in document(policy)["gpc_response"]


@pytest.mark.requirement("TPD-03")
@pytest.mark.parametrize("is_cross_site", [True, False])
def test_who_follows_people_is_computed(is_cross_site: bool) -> None:
    """The sentence names every service that does, with its owner; without one it says so."""
    services = tuple(
        replace(one, is_cross_site=is_cross_site and one.key == "ads") for one in SHOP.services
    )
    policy = replace(SHOP, services=services)
    told = document(policy)
    assert told["followers"] == (["ads"] if is_cross_site else [])
    assert ("ads (Ads Inc.)" in told["third_parties_follow"]) is is_cross_site
    assert ("None of these services follows you" in fetched(policy).text) is not is_cross_site


@pytest.mark.requirement("TPD-02", "TPD-08", "CKE-15")
def test_everything_declared_is_disclosed() -> None:
    """Purposes with data and retention; services with owner, role, country, safeguard, policy;
    cookies with lifetime and readers; the day it takes effect."""
    purposes = (*SHIPPED[:2], replace(SHIPPED[2], data=("pages seen",), retention_days=90))
    maker = Service(
        key="maker",
        name="Maker",
        purposes=("statistics", "functional"),
        owner="Maker Oy",
        country="FI",
        transfer="none needed",
        policy_url="https://maker.example/privacy",
        role=Role.PROCESSOR,
        has_contract=True,
        cookies=(CookiePattern(name="mk", lifetime_seconds=30 * 86_400, description="visits"),),
    )
    policy = replace(SHOP, purposes=purposes, services=(maker,))
    told = document(policy)
    assert told["effective"] == "2026-11-01"
    (service,) = told["services"]
    assert (service["owner"], service["role"], service["country"], service["transfer"]) == (
        "Maker Oy",
        "processor",
        "FI",
        "none needed",
    )
    assert service["policy_url"] == "https://maker.example/privacy"
    (cookie,) = service["cookies"]
    assert (cookie["name"], cookie["lifetime_seconds"]) == ("mk", 2_592_000)
    assert cookie["readers"] == ["Example Shop", "Maker Oy"]
    statistics = told["purposes"][2]
    assert (statistics["data"], statistics["retention_days"]) == (["pages seen"], 90)
    text = fetched(policy).text
    for shown in ("Maker Oy", "FI", "none needed", "https://maker.example/privacy", "pages seen"):
        assert shown in text
    for shown in ("Days: 30", "This site, Maker Oy", "visits", "90", "2026-11-01"):
        assert shown in text
    assert "Purposes: Statistics, Functional" in text


@pytest.mark.requirement("CKE-16")
@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"is_partitioned": True}, "(Partitioned)"),
        ({"same_site": "none"}, "(SameSite=None)"),
        ({"same_site": "lax"}, ""),
    ],
)
def test_cookies_that_cross_sites_are_marked(more: dict[str, Any], shown: str) -> None:
    """In the table and in the JSON."""
    service = Service(key="x", purposes=("marketing",), cookies=(CookiePattern(name="x", **more),))
    policy = replace(SHOP, services=(service,))
    assert document(policy)["services"][0]["cookies"][0]["cross_site"] is bool(shown)
    text = fetched(policy).text
    assert shown in text
    assert ("(Partitioned)" in text or "(SameSite=None)" in text) is bool(shown)


@pytest.mark.requirement("TPD-05")
def test_our_own_hosts_are_named() -> None:
    """On the page, in the JSON."""
    policy = with_site(same_party=("cdn.shop.example", "img.shop.example"))
    assert document(policy)["same_party"] == ["cdn.shop.example", "img.shop.example"]
    assert "belong to this site too: cdn.shop.example, img.shop.example" in fetched(policy).text


@pytest.mark.requirement("TPD-07")
def test_the_opt_out_pages_of_the_industry() -> None:
    """Linked where there is advertising, and each service's own policy beside it."""
    assert 'href="https://youradchoices.com/control"' in fetched().text
    assert document()["opt_outs"][0]["url"] == "https://youradchoices.com/control"
    quiet = replace(SHOP, services=SHOP.services[:3])
    assert document(quiet)["opt_outs"] == []
    assert "youradchoices" not in fetched(quiet).text


@pytest.mark.parametrize(
    ("accept", "query", "is_json"),
    [
        (b"text/html,*/*;q=0.8", b"", False),
        (b"application/json", b"", True),
        (b"text/html, application/json", b"", False),
        (b"text/html", b"format=json", True),
        (b"application/json", b"lang=de&format=html", False),
        (b"\xff" * 9_000, b"format=" * 9_000, False),
    ],
)
def test_page_or_json(accept: bytes, query: bytes, is_json: bool) -> None:
    """The address decides, else the header; a browser gets the page."""
    answer = fetched(headers=[(b"accept", accept)], query=query)
    kind = b"application/json" if is_json else b"text/html; charset=utf-8"
    assert answer.one(b"content-type") == kind
    assert answer.one(b"vary") == b"accept, accept-language"


def test_it_speaks_every_language_and_is_the_same_for_everyone() -> None:
    """``?lang=`` decides; a choice, a signal and a token change nothing; nothing is set."""
    assert 'lang="ar" dir="rtl"' in fetched(query=b"lang=ar").text
    assert document(query=b"lang=de")["language"] == "de"
    gate = gated(page())
    plain = run(gate, http(ADDRESS)).body
    cookie = chosen(gate, choice="accept")
    other = run(gate, http(ADDRESS, cookie=cookie, headers=[(b"dnt", b"1"), (b"sec-gpc", b"1")]))
    assert other.body == plain
    assert other.set_cookies == []


@pytest.mark.requirement("SEC-05")
def test_the_page_needs_no_script_and_escapes() -> None:
    """A strict policy of its own, no script element, and what the policy says stays text."""
    evil = replace(SHOP.services[3], name="<script>x</script>", policy_url="javascript:x()")
    purposes = (*SHIPPED[:3], replace(SHIPPED[3], wording=Wording('"><img src=x>', "x")))
    answer = fetched(replace(SHOP, services=(evil,), purposes=purposes))
    assert answer.one(b"content-security-policy").startswith(
        b"default-src 'none'; style-src 'self'"
    )
    for markup in ("<script", "<img", "javascript:"):
        assert markup not in answer.text


@pytest.mark.requirement("COL-10")
def test_it_is_linked_from_the_first_layer_and_the_choices_page() -> None:
    """One click from where one is asked."""
    gate = gated(page())
    for path in ("/", "/privacy-choices"):
        assert f'href="{ADDRESS}?lang=en"' in run(gate, http(path)).text


def test_a_site_can_bring_its_own_template(tmp_path: Path) -> None:
    """As with every other page."""
    (tmp_path / "disclosure.html").write_text("ours: {{ answers.gpc }}", encoding="utf-8")
    answer = run(gated(page(), SHOP, templates=tmp_path), http(ADDRESS))
    assert answer.text.startswith("ours: If your browser sends Global Privacy Control")
