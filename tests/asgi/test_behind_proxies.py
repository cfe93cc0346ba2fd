"""What trusted proxies say of scheme and host counts; pages of declared origins may choose."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.policy.policy import RegimeSettings
from tests.asgi import raw
from tests.asgi.raw import form, http, run
from tests.policies import SHOP, with_site

PROXY = ("10.0.0.7", 1)
STRANGER = ("203.0.113.9", 1)
BEHIND = replace(SHOP, regimes=RegimeSettings(trusted_proxies=("10.0.0.0/8",)))
BY_STANDARD = replace(
    SHOP, regimes=RegimeSettings(trusted_proxies=("10.0.0.0/8",), client_header="forwarded")
)
TLS = (b"x-forwarded-proto", b"https")
NAMED = (b"x-forwarded-host", b"shop.example")
UPSTREAM = b"127.0.0.1:8000"
APP = "https://app.shop.example"


def _granted(gate: ConsentGate, **more: Any) -> raw.Exchange:
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    scope, sent = form("/privacy-choices", {"choice": "accept", "notice": notice}, **more)
    return run(gate, {**scope, "client": more.get("client", PROXY)}, sent)


@pytest.mark.requirement("SEC-02")
@pytest.mark.parametrize(
    ("policy", "headers"),
    [
        (BEHIND, [TLS]),
        (BEHIND, [(b"X-Forwarded-Proto", b"HTTPS, http")]),
        (BY_STANDARD, [(b"forwarded", b"for=198.51.100.7;proto=https")]),
        (
            BY_STANDARD,
            [(b"forwarded", b'proto=http;for=1.1.1.1, FOR="198.51.100.7";Proto="https"')],
        ),
    ],
)
def test_the_choice_is_secure_behind_a_proxy_that_ends_tls(
    policy: Any, headers: list[tuple[bytes, bytes]]
) -> None:
    """A trusted proxy's word makes the token ``__Host-`` and Secure, and it is read again."""
    gate = raw.gated(raw.page(), policy=policy)
    seen = _granted(gate, headers=headers)
    (line,) = seen.set_cookies
    assert line.startswith(b"__Host-choices=")
    assert b"; Secure" in line
    token = line.partition(b";")[0]
    scope = http("/privacy-choices/state", headers=headers, cookie=token, client=PROXY)
    assert json.loads(run(gate, scope).body)["decided"] is True


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        (STRANGER, [TLS, NAMED]),
        (PROXY, [(b"x-forwarded-proto", b"gopher")]),
        (PROXY, [(b"x-forwarded-proto", b"")]),
        (PROXY, [(b"forwarded", b"for=198.51.100.7;proto=https")]),
        (PROXY, [(b"x-forwarded-host", b"shop.example/\xff<script>")]),
    ],
)
def test_nobody_else_is_believed(
    client: tuple[str, int], headers: list[tuple[bytes, bytes]]
) -> None:
    """A stranger's header, a word that is no scheme and the field of another kind say nothing."""
    gate = raw.gated(raw.page(), policy=BEHIND)
    (line,) = _granted(gate, headers=headers, client=client).set_cookies
    assert line.startswith(b"choices=")
    assert b"Secure" not in line


def test_the_app_sees_the_scope_of_the_server() -> None:
    """What the gate learned of the proxies is its own: the app asks its own middleware."""
    app = raw.json_answer()
    run(raw.gated(app, policy=BEHIND), http(headers=[TLS, NAMED], host=UPSTREAM, client=PROXY))
    assert app.scope["scheme"] == "http"
    assert (b"host", UPSTREAM) in app.scope["headers"]


@pytest.mark.requirement("SEC-02")
@pytest.mark.parametrize(
    ("policy", "headers", "status"),
    [
        (BEHIND, [NAMED], 303),
        (BEHIND, [(b"x-forwarded-host", b"shop.example, 10.0.0.2")], 303),
        (BY_STANDARD, [(b"forwarded", b"for=198.51.100.7;host=shop.example")], 303),
        (BEHIND, [(b"x-forwarded-host", b"evil.example")], 403),
        (BEHIND, [], 403),
        (SHOP, [NAMED], 403),
    ],
)
def test_a_grant_is_proven_where_a_proxy_rewrites_host(
    policy: Any, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    """``X-Forwarded-Host`` and ``Forwarded`` of trusted proxies name the site."""
    gate = raw.gated(raw.page(), policy=policy)
    origin = (b"origin", b"http://shop.example")
    seen = _granted(gate, headers=[origin, *headers], host=UPSTREAM, site=None)
    assert seen.status == status


def test_denied_cookies_are_expired_for_the_host_of_the_browser() -> None:
    """The domains of an expiry come from the name that the visitor called."""
    gate = raw.gated(raw.page(), policy=BEHIND)
    named = (b"x-forwarded-host", b"www.shop.example")
    seen = run(gate, http(headers=[named], host=UPSTREAM, client=PROXY, cookie="_an_x=1"))
    assert any(
        b"_an_x=" in line and b"Domain=www.shop.example" in line for line in seen.set_cookies
    )


@pytest.mark.requirement("SEC-02")
def test_pages_of_declared_origins_may_choose(caplog: pytest.LogCaptureFixture) -> None:
    """Where ``Host`` is rewritten and nobody forwards it, the log says the line that mends it."""
    staging = (b"origin", b"http://staging.example")
    with caplog.at_level(logging.WARNING, "consentgate"):
        gate = raw.gated(raw.page())
        assert _granted(gate, headers=[staging], host=UPSTREAM, site=None).status == 403
    assert 'origins = ["http://staging.example"]' in caplog.text
    gate = raw.gated(raw.page(), policy=with_site(origins=("http://staging.example",)))
    assert _granted(gate, headers=[staging], host=UPSTREAM, site=None).status == 303


def _from_app(method: str, path: str, body: bytes = b"", **more: Any) -> raw.Exchange:
    gate = raw.gated(raw.page(), policy=with_site(origins=(APP,)))
    origin = more.pop("origin", APP.encode())
    headers = [
        (b"origin", origin),
        (b"sec-fetch-site", b"same-site"),
        (b"content-type", b"application/json"),
        *more.pop("headers", ()),
    ]
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0].encode()
    scope = http(path, method=method, headers=headers, scheme="https", **more)
    return run(gate, scope, raw.body(body.replace(b"NOTICE", notice)) | {"type": "http.request"})


def test_an_app_on_another_origin_reads_and_chooses() -> None:
    """A single-page app that the policy names gets CORS on the state and on choices."""
    for seen in (
        _from_app("GET", "/privacy-choices/state"),
        _from_app("POST", "/privacy-choices", b'{"choice":"accept","notice":"NOTICE"}'),
        _from_app("POST", "/privacy-choices", b'{"choice":"no such"}'),
    ):
        assert seen.one(b"access-control-allow-origin") == APP.encode()
        assert seen.one(b"access-control-allow-credentials") == b"true"
        assert b"Origin" in (seen.one(b"vary") or b"")
    assert json.loads(_from_app("GET", "/privacy-choices/state").body)["asks"]
    accepted = _from_app("POST", "/privacy-choices", b'{"choice":"accept","notice":"NOTICE"}')
    assert (accepted.status, json.loads(accepted.body)["decided"]) == (200, True)


def test_a_preflight_of_a_declared_origin_is_answered() -> None:
    """Browsers ask first before they send JSON to another origin."""
    asks = [(b"access-control-request-method", b"POST")]
    seen = _from_app("OPTIONS", "/privacy-choices", headers=asks)
    assert seen.status == 204
    assert seen.one(b"access-control-allow-methods") == b"GET, HEAD, POST"
    assert seen.one(b"access-control-allow-headers") == b"content-type"
    assert seen.one(b"access-control-allow-origin") == APP.encode()


@pytest.mark.requirement("SEC-02")
def test_no_other_origin_gets_cors() -> None:
    """Nothing is said to a page that nobody declared, and it may not choose."""
    asks = [(b"access-control-request-method", b"POST")]
    for method in ("GET", "OPTIONS", "POST"):
        path = "/privacy-choices/state" if method == "GET" else "/privacy-choices"
        seen = _from_app(
            method, path, b'{"choice":"reject"}', origin=b"https://evil.example", headers=asks
        )
        assert seen.all(b"access-control-allow-origin") == []
        assert seen.status == {"GET": 200, "OPTIONS": 405, "POST": 403}[method]
