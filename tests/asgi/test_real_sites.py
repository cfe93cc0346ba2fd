"""What sites meet behind proxies, in frames and after a move to HTTPS: nobody's refusal is lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from consentgate.domain.events import State
from tests import site_logs
from tests.asgi import raw
from tests.asgi.raw import form, http, run

SITE = b"sec-fetch-site"
HERE = (b"origin", b"http://shop.example")
STAGING = (b"origin", b"http://staging.example")


@pytest.mark.requirement("SEC-02")
@pytest.mark.parametrize("choice", ["reject", "withdraw"])
def test_a_refusal_needs_no_proof_that_a_proxy_took(
    choice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy that rewrites ``Host`` stands in no refusal's way; the operator hears of it once."""
    gate = raw.gated(raw.page())
    cookie = raw.chosen(gate, choice="accept")
    with caplog.at_level(logging.WARNING, "consentgate"):
        for _ in range(2):
            fields = {"choice": choice}
            sent = form("/privacy-choices", fields, site=None, headers=[STAGING], cookie=cookie)
            seen = run(gate, *sent)
            assert seen.status == 303
    assert caplog.text.count('page of "http://staging.example"') == 1
    assert "proxy_set_header Host" in caplog.text
    assert State.WITHDRAWN in [one.state for one in gate.assembly.proof.ledger.events()]


@pytest.mark.requirement("SEC-02")
def test_a_grant_needs_the_proof() -> None:
    """What would permit something is refused without it, also where a proxy took it."""
    gate = raw.gated(raw.page())
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    fields = {"choice": "accept", "notice": notice}
    for site, headers in ((None, [STAGING]), (b"cross-site", [HERE])):
        seen = run(gate, *form("/privacy-choices", fields, site=site, headers=headers))
        assert (seen.status, seen.set_cookies) == (403, [])
    assert list(gate.assembly.proof.ledger.events()) == []


def test_a_browser_that_says_cross_site_is_believed() -> None:
    """Then not even a refusal is taken: the visitor did not press it here."""
    gate = raw.gated(raw.page())
    seen = run(gate, *form("/privacy-choices", {"choice": "reject"}, site=b"cross-site"))
    assert (seen.status, seen.set_cookies) == (403, [])


def test_no_number_of_refusals_is_too_many() -> None:
    """Beyond the limit a refusal takes effect and leaves no record; a withdrawal leaves one."""
    gate = raw.gated(raw.page())
    cookie = raw.chosen(gate, choice="accept")
    for _ in range(300):
        assert run(gate, *form("/privacy-choices", {"choice": "reject"})).status == 303
    recorded = len(list(gate.assembly.proof.ledger.events()))
    assert recorded < 300
    withdrawn = run(gate, *form("/privacy-choices", {"choice": "withdraw"}, cookie=cookie))
    assert withdrawn.status == 303
    assert len(list(gate.assembly.proof.ledger.events())) == recorded + 1


def test_visitors_behind_an_unnamed_proxy_are_told_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Forty a minute may accept, as the proxy names forty; the operator is told once."""
    gate = raw.gated(raw.page())
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    fields = {"choice": "accept", "notice": notice}
    for number in range(40):
        headers = [(b"x-forwarded-for", b"198.51.100.%d" % number)]
        scope, sent = form("/privacy-choices", fields, headers=headers)
        assert run(gate, {**scope, "client": ("10.0.0.7", 1)}, sent).status == 303
    assert caplog.text.count("trusted_proxies names none") == 1


def test_one_visitor_behind_a_proxy_is_limited_all_the_same() -> None:
    """The header tells clients apart; it lifts no limit."""
    gate = raw.gated(raw.page())
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    fields = {"choice": "accept", "notice": notice}
    found = []
    for _ in range(40):
        headers = [(b"x-forwarded-for", b"198.51.100.7")]
        scope, sent = form("/privacy-choices", fields, headers=headers)
        found.append(run(gate, {**scope, "client": ("10.0.0.7", 1)}, sent).status)
    assert set(found) == {303, 429}


@pytest.mark.parametrize(
    ("site", "destination", "is_asked"),
    [
        (b"cross-site", b"iframe", False),
        (b"cross-site", b"object", False),
        (b"same-origin", b"iframe", False),
        (b"cross-site", b"document", True),
        (b"none", b"document", True),
    ],
)
def test_nobody_is_asked_in_a_frame(site: bytes, destination: bytes, is_asked: bool) -> None:
    """Of another site: no choice could be kept; of this one: the page around it asks."""
    headers = [(SITE, site), (b"sec-fetch-dest", destination)]
    seen = run(raw.gated(raw.page()), http("/", headers=headers))
    assert (b"data-privacy-note" in seen.body) is is_asked


def test_a_refusal_outlives_the_move_to_https() -> None:
    """The cookie of HTTP still takes away over HTTPS, and still grants nothing there."""
    gate = raw.gated(raw.page())
    refused, granted = (raw.chosen(gate, choice=choice) for choice in ("reject", "accept"))
    address = "/privacy-choices/state"
    state = json.loads(run(gate, http(address, scheme="https", cookie=refused)).body)
    assert (state["decided"], state["asks"]) == (True, [])
    state = json.loads(run(gate, http(address, scheme="https", cookie=granted)).body)
    assert state["decided"] is False
    assert not any(state["purposes"][key] for key in ("statistics", "marketing"))


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (b"GoogleHC/1.0", "monitoring"),
        (b"Envoy/HC", "monitoring"),
        (b"Docker-HealthCheck", "monitoring"),
        (b"Fly-HealthCheck/1.0", "monitoring"),
        (b"kube-probe/1.30", "monitoring"),
        (b"Stripe/1.0 (+https://stripe.com/docs/webhooks)", "http-library"),
    ],
)
def test_a_probe_or_webhook_is_no_visit(agent: bytes, kind: str, tmp_path: Path) -> None:
    """Load balancers and services that call back are machines of the right class."""
    gate = raw.gated(raw.page(), log=tmp_path)
    run(gate, http("/healthz", headers=[(b"user-agent", agent)]))
    gate.close()
    (record,) = site_logs.records(tmp_path)
    assert (record["tier"], record["bot_kind"]) == ("TB", kind)
