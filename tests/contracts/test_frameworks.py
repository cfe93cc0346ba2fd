"""One contract over every framework: the gate around the app, judged by what the server sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from consentgate import ConsentGate
from tests.asgi import raw
from tests.asgi.raw import Exchange, form, http, regime_of
from tests.contracts.framework_sites import SITES
from tests.contracts.site import FIRST, MISSING, PAGE, SECOND

NOTE = b"data-privacy-note"


class Site:
    """A started app behind its gate, with a loop of its own that stays until the test ends."""

    def __init__(self, app: Any) -> None:
        self.gate: ConsentGate = raw.gated(app)
        self._loop = asyncio.new_event_loop()
        self._shut_down = self._loop.run_until_complete(raw.start_up(self.gate))

    def serve(self, scope: raw.Scope, *incoming: raw.Message) -> Exchange:
        """One request; what the app raised is raised here."""
        seen = self._loop.run_until_complete(raw.drive(self.gate, scope, *incoming))
        if seen.raised is not None:
            raise seen.raised
        return seen

    def choose(self, **fields: Any) -> str:
        """Make a choice by form and give the cookie pair that carries it."""
        notice = self.gate.assembly.pages.notice("en", regime_of(self.gate))[0]
        answer = self.serve(*form("/privacy-choices", {"notice": notice, **fields}))
        assert (answer.status, answer.one(b"location")) == (303, b"/")
        return f"choices={answer.cookies['choices']}"

    def close(self) -> None:
        """Shut the app down."""
        self._loop.run_until_complete(self._shut_down())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture(scope="module", params=SITES.values(), ids=SITES)  # Sanic starts once a process
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The contract's site in one framework after another."""
    made = Site(request.param())
    yield made
    made.close()


def _names(seen: Exchange) -> list[bytes]:
    return [line.partition(b"=")[0] for line in seen.set_cookies]


def test_a_page_gets_the_first_layer(site: Site) -> None:
    """Markup after ``<body>``, an exact length, nothing else of the page changed."""
    seen = site.serve(http("/"))
    assert seen.status == 200
    assert seen.body.count(NOTE) == 1
    assert seen.body.startswith(PAGE.encode().partition(b"<title>")[0])
    assert seen.body.endswith(b"<h1>Front</h1></body></html>")
    assert seen.one(b"content-length") in (None, b"%d" % len(seen.body))


@pytest.mark.requirement("CKE-01", "CKE-03")
def test_denied_and_undeclared_cookies_do_not_reach_the_visitor(site: Site) -> None:
    """Only the necessary cookie is set before a choice."""
    assert _names(site.serve(http("/"))) == [b"session"]


@pytest.mark.requirement("CKE-02")
def test_denied_cookies_do_not_reach_the_app(site: Site) -> None:
    """What the app reads is what the visitor permits, byte for byte."""
    cookie = 'session="a b"; _fbp=1; nobodys=2; theme=dark; cart=x'
    seen = site.serve(http("/data", cookie=cookie))
    assert json.loads(seen.body)["cookie"] == 'session="a b"; cart=x'


def test_permitted_cookies_reach_the_app_as_they_came(site: Site) -> None:
    """Nothing to take away, nothing changed."""
    seen = site.serve(http("/data", cookie='cart=x;  session="a b";'))
    assert json.loads(seen.body)["cookie"] == 'cart=x;  session="a b";'


def test_a_streamed_page_gets_the_first_layer(site: Site) -> None:
    """The pieces stay pieces and leave in order."""
    seen = site.serve(http("/stream"))
    assert seen.body.count(NOTE) == 1
    assert seen.body.endswith(FIRST[-10:] + SECOND)
    assert seen.all(b"content-length") == []
    assert len(seen.only("http.response.body")) >= 2


def test_a_page_that_is_not_there_is_gated_too(site: Site) -> None:
    """404 pages are made outside many frameworks' own middleware."""
    seen = site.serve(http("/nowhere", cookie="_fbp=1"))
    assert seen.status == 404
    assert seen.body.count(NOTE) == 1
    assert seen.body.endswith(MISSING.encode().partition(b"<body>")[2])
    assert b"_fbp=f1" not in b"".join(seen.set_cookies)
    assert _names(seen)[0] == b"session"
    assert set(_names(seen)[1:]) == {b"_fbp"}


def test_json_is_left_alone(site: Site) -> None:
    """No markup, the app's own length, no cookie."""
    seen = site.serve(http("/data"))
    assert json.loads(seen.body) == {"cookie": "", "functional": False, "why": "SILENCE_DENIES"}
    assert seen.one(b"content-length") in (None, b"%d" % len(seen.body))
    assert seen.set_cookies == []


def test_a_redirect_sets_only_what_is_permitted(site: Site) -> None:
    """The cookies of a redirect are cookies all the same."""
    seen = site.serve(http("/move"))
    assert seen.status in (302, 307)
    assert seen.one(b"location") == b"/data"
    assert _names(seen) == [b"session"]


def test_what_was_granted_passes_both_ways(site: Site) -> None:
    """A choice by form; from then on the app reads and sets what it was granted."""
    token = site.choose(choice="save", p=["functional"], next="/")
    seen = site.serve(http("/data", cookie=f"theme=dark; {token}; _fbp=1"))
    told = json.loads(seen.body)
    assert told == {"cookie": "theme=dark", "functional": True, "why": "CHOSEN"}
    page = site.serve(http("/", cookie=token))
    assert _names(page) == [b"session", b"theme"]
    assert NOTE not in page.body


def test_what_was_withdrawn_no_longer_passes(site: Site) -> None:
    """Withdrawing is one form, and expires what had been granted in the same answer."""
    token = site.choose(choice="accept", next="/")
    scope, sent = form(
        "/privacy-choices", {"choice": "withdraw"}, cookie=f"{token}; theme=dark; session=s1"
    )
    answer = site.serve(scope, sent)
    assert set(_names(answer)) == {b"choices", b"theme"}
    withdrawn = f"choices={answer.cookies['choices']}"
    seen = site.serve(http("/data", cookie=f"theme=dark; {withdrawn}"))
    assert json.loads(seen.body) == {"cookie": "", "functional": False, "why": "REFUSED"}


def test_the_state_is_answered_before_the_app(site: Site) -> None:
    """Scripts read the state from our own address."""
    seen = site.serve(http("/privacy-choices/state", headers=[(b"sec-gpc", b"1")]))
    state = json.loads(seen.body)
    assert (state["decided"], state["signals"]) == (False, ["gpc"])
    assert state["purposes"]["marketing"] is False
