"""The first layer as it is sent: shapes, words, weight, helpers and who sees none."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient

from consentgate import ConsentGate, privacy_context
from consentgate.domain.policy.policy import LedgerSettings, Policy, SiteSettings
from consentgate.domain.regimes import Model, Regime
from consentgate.gates.pages.nonces import nonce_of
from consentgate.gates.records.callers import is_crawler
from tests.policies import SHOP

ROOT = Path(__file__).parents[2]
QUIET = replace(SHOP, ledger=LedgerSettings(url="memory:"))
PAGE = "<!doctype html><html lang=en><head><title>t</title></head><body><main>hello</main></body></html>"
REGIMES = {
    "ask": Regime(code="FR", model=Model.OPT_IN),
    "opt-out": Regime(code="US-CA", model=Model.OPT_OUT, has_opt_out_link=True),
    "notice": Regime(code="US-XX", model=Model.NOTICE),
}
HIDDEN_WORDS = (
    "cookie", "gdpr", "consent", "cmp", "banner", "tracking", "ccpa", "onetrust", "overlay",
    "privacy-notice", "privacy-policy", "privacy-banner", "privacy-bar", "privacy-popup",
    "popup", "modal", "eprivacy", "analytics", "advert", "didomi", "klaro", "osano",
)  # fmt: skip
"""Words that generic cosmetic and network filters look for in paths, classes and ids."""


def gated(regime: str = "ask", *, policy: Policy = QUIET, **options: Any) -> TestClient:
    """A browser that keeps cookies, before a site of one page under one regime."""

    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE)

    gate = ConsentGate(
        Starlette(routes=[Route("/{rest:path}", page)]), policy=policy, development=True, **options
    )
    gate.assembly.placing.placed = lambda scope, request, now: (REGIMES[regime], None)  # type: ignore[method-assign]
    return TestClient(gate)


def with_site(**changes: Any) -> Policy:
    """The shop with other site settings."""
    return replace(QUIET, site=replace(SiteSettings(), **changes))


class Tags(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {name: value or "" for name, value in attrs}))


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("position", ["flow", "bottom", "dialog"])
def test_no_path_class_or_id_is_a_word_that_ad_blockers_hide(regime: str, position: str) -> None:
    """On any page, in any shape: our classes, ids, names and addresses."""
    browser = gated(regime, policy=with_site(banner=position, consent_mode=True))
    tags = Tags(browser.get("/").text).all + Tags(browser.get("/privacy-choices").text).all
    ours = [
        value.lower()
        for _, attributes in tags
        for name, value in attributes.items()
        if name in ("class", "id", "href", "src", "action", "aria-labelledby")
    ]
    assert len(ours) > 10
    assert [(word, value) for value in ours for word in HIDDEN_WORDS if word in value] == []


@pytest.mark.requirement("COL-10", "COL-02", "COL-20")
def test_the_first_layer_says_who_why_with_whom_and_how_to_change_it() -> None:
    """One press refuses, one accepts, from the same form."""
    text = gated().get("/").text
    for words in ("Example Shop", "Functional", "Statistics", "Advertising", "change your mind"):
        assert words in text
    assert "Services that take part: 4" in text
    layer = text.partition("data-privacy-done")[0]
    choices = re.findall(r'<button class="(\S+)" name="choice" value="(\w+)"', layer)
    assert choices == [("pc-b", "reject"), ("pc-b", "accept"), ("pc-x", "dismiss")]
    assert "checked" not in text


@pytest.mark.requirement("COL-18", "SIG-10")
def test_opt_out_rules_bring_a_link_and_no_first_layer() -> None:
    """ "Your Privacy Choices" with the opt-out icon, on every page."""
    text = gated("opt-out").get("/").text
    assert "data-privacy-note" not in text
    assert re.search(
        r'<a href="/privacy-choices[^"]*"[^>]*><svg class="pc-icon".*</svg>\s*Your Privacy Choices</a>',
        text,
    )


@pytest.mark.parametrize("regime", REGIMES)
def test_a_way_back_is_on_every_page_after_a_choice(regime: str) -> None:
    """Unobtrusive, and the same in every regime."""
    browser = gated(regime)
    browser.post(
        "/privacy-choices", data={"choice": "reject"}, headers={"origin": "http://testserver"}
    )
    text = browser.get("/anywhere").text
    assert "data-privacy-note" not in text
    assert "data-privacy-back" in text
    assert '<a href="/privacy-choices?lang=en"' in text


CRAWLERS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
    "facebookexternalhit/1.1",
    "Mozilla/5.0 (compatible; YandexImages/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot",
]
PEOPLE = [
    "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_NOTE) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15",
    "",
]


@pytest.mark.parametrize("agent", CRAWLERS)
@pytest.mark.requirement("COL-27")
def test_a_crawler_meets_no_first_layer_and_grants_nothing(agent: str) -> None:
    """Nothing of it to index, everything denied also where silence grants, no choice taken."""
    for regime in REGIMES:
        browser = gated(regime)
        browser.headers["user-agent"] = agent
        text = browser.get("/").text
        assert "hello" in text
        assert "data-privacy-note" not in text
        assert browser.get("/privacy-choices/state").json()["purposes"]["marketing"] is False
        answer = browser.post(
            "/privacy-choices", data={"choice": "accept"}, headers={"origin": "http://testserver"}
        )
        assert (answer.status_code, answer.cookies) == (403, {})


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_are_no_crawlers(agent: str) -> None:
    """Whatever their telephone is called."""
    assert not is_crawler(agent.encode())


def test_a_crawler_is_told_in_bounded_time() -> None:
    """Only the first bytes of a User-Agent are read."""
    assert not is_crawler(b"x" * 600 + b"Googlebot/2.1")
    assert not is_crawler(bytes(range(256)) * 400)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (b"script-src 'nonce-r4nd0m+/=='", "r4nd0m+/=="),
        (b"default-src 'self'", ""),
        (b"script-src 'nonce-\"><script>'", ""),
        (b"script-src 'nonce-" + b"a" * 300 + b"'", ""),
    ],
)
def test_the_nonce_of_a_page_is_lent_to_our_tags(policy: bytes, expected: str) -> None:
    """Only what is a nonce by the grammar, so that nothing else gets into an attribute."""
    assert nonce_of([(b"x", b"y"), (b"Content-Security-Policy", policy)]) == expected


WEIGHTS = {
    "banner.js": 3_610,
    "banner.css": 2_000,
    "modes.js": 500,
    "page.css": 800,
    "choices.js": 400,
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.requirement("COL-25")
def test_what_is_served_weighs_little(name: str) -> None:
    """At most 3.6 kB of script and 2 kB of style, gzip -9, from our own address, immutable."""
    browser = gated(policy=with_site(consent_mode=True))
    text = browser.get("/privacy-choices" if name in ("page.css", "choices.js") else "/").text
    found = re.findall(r'(?:src|href)="(/privacy-choices/assets/[^"]+)"', text)
    bodies = {path: browser.get(path) for path in found}
    own = (ROOT / "static" / name).read_bytes()
    (answer,) = (answer for answer in bodies.values() if answer.content == own)
    assert len(gzip.compress(answer.content, 9)) <= WEIGHTS[name]
    assert "immutable" in answer.headers["cache-control"]
    assert "set-cookie" not in answer.headers


def test_static_files_are_made_from_their_sources() -> None:
    """``scripts/static`` was run after the last change."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "static", "--check"], check=False)
    assert done.returncode == 0


@pytest.mark.requirement("INT-12")
def test_the_page_carries_its_state_for_scripts() -> None:
    """The same facts as the state endpoint, without another request."""
    browser = gated()
    (tag,) = (a for name, a in Tags(browser.get("/").text).all if "data-privacy-state" in a)
    carried = json.loads(tag["data-privacy-state"])
    asked = browser.get("/privacy-choices/state").json()
    for key in ("decided", "purposes", "services", "signals", "asks"):
        assert carried[key] == asked[key], key


@pytest.mark.requirement("INT-03")
def test_tag_vendors_are_told_nothing_unless_asked_to() -> None:
    """Consent Mode is opt-in for the site."""
    assert "data-privacy-modes" not in gated().get("/").text


def test_nothing_is_put_in_where_the_site_has_its_own() -> None:
    """``banner = "none"``: script and style for the state, no markup in the body."""
    text = gated(policy=with_site(banner="none")).get("/").text
    assert "<body><main>hello</main></body>" in text
    assert "data-privacy-state" in text


def test_a_template_of_the_site_replaces_ours(tmp_path: Path) -> None:
    """Its own words and markup; what it does not replace stays."""
    (tmp_path / "opening.html").write_text("<aside>{{ t.heading }}! {{ next }}</aside>")
    browser = gated(templates=tmp_path)
    assert "<aside>Your privacy choices! /shop</aside>" in browser.get("/shop").text
    assert "<fieldset" in browser.get("/privacy-choices").text


def jinja_site(template: str, **changes: Any) -> TestClient:
    """A site that renders its pages with Jinja2 and our context processor."""
    templates = Jinja2Templates(
        env=Environment(loader=DictLoader({"p.html": template}), autoescape=True),
        context_processors=[privacy_context],
    )

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "p.html")

    app = Starlette(routes=[Route("/", page)])
    return TestClient(ConsentGate(app, policy=with_site(**changes), development=True))


@pytest.mark.parametrize("banner", ["flow", "none"])
def test_a_site_places_the_first_layer_itself(banner: str) -> None:
    """Once, where the template says, and the gate puts in no other."""
    text = (
        jinja_site(
            "<!doctype html><html><body><main>x</main>{{ privacy_banner() }}</body></html>",
            banner=banner,
        )
        .get("/")
        .text
    )
    assert text.count("data-privacy-note") == 1
    assert text.index("<main>") < text.index("data-privacy-note")


def test_templates_can_ask_what_is_allowed() -> None:
    """And a cache is told that the page depends on the visitor."""
    template = "<!doctype html><body>{{ consent.allows('statistics') }}"
    answer = jinja_site(template).get("/")
    assert "False" in answer.text
    assert "cookie" in answer.headers["vary"].lower()


def test_a_form_sent_by_script_is_answered_with_the_state() -> None:
    """The same fields as without a script; JSON where JSON is wanted."""
    answer = gated().post(
        "/privacy-choices",
        data={"choice": "reject"},
        headers={"accept": "application/json", "origin": "http://testserver"},
        follow_redirects=False,
    )
    assert answer.status_code == 200
    assert answer.json()["decided"] is True
