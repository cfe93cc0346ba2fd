"""Cookies through the whole gate, as a server, a browser and the operator see them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.domain.policy.policy import CookiePattern, Match, Service
from consentgate.formats.policy.reader import parse_policy
from tests.asgi import raw
from tests.asgi.raw import Script, body, form, http, regime_of, run, start, websocket
from tests.policies import SHOP, with_site

ODD = b'session="a, b" ; HttpOnly;Path=/ ;Expires=Wed, 09 Nov 2033 16:41:04 GMT'
ALL = Script(
    start(
        b"text/plain",
        (b"set-cookie", b"_fbp=1; Path=/"),
        (b"Set-Cookie", ODD),
        (b"set-cookie", b"nobodys=1"),
        (b"SET-COOKIE", b"cart=2"),
    ),
    body(b"x"),
)


@pytest.mark.requirement("CKE-05")
@pytest.mark.parametrize(
    "kind", ["websocket.accept", "websocket.http.response.start"], ids=["accepted", "denied"]
)
def test_a_socket_is_gated_like_a_page(kind: str) -> None:
    """Handshake and answer: denied cookies neither reach the app nor the visitor, and expire."""
    app = Script({"type": kind, "status": 403, "headers": list(ALL.messages[0]["headers"][1:])})
    seen = run(raw.gated(app), websocket("/live", cookie="_fbp=1; session=2; theme=3"))
    assert app.cookie_fields == [b"session=2"]
    kept = [line for line in seen.set_cookies if b"Max-Age=0" not in line]
    assert kept == [ODD, b"cart=2"]
    gone = {line.partition(b"=")[0] for line in seen.set_cookies if b"Max-Age=0" in line}
    assert gone == {b"_fbp", b"theme"}


@pytest.mark.requirement("CKE-06")
def test_trailers_set_no_denied_cookie() -> None:
    """Only what may be set stands in trailers either, and what was no cookie stays."""
    fields = [(b"x-sum", b"1"), (b"set-cookie", b"_fbp=1"), (b"Set-Cookie", ODD)]
    app = Script(
        start(b"text/plain", trailers=True),
        body(b"x"),
        {"type": "http.response.trailers", "headers": iter(fields), "more_trailers": False},
    )
    seen = run(raw.gated(app), http("/", cookie="_fbp=1"))
    (trailers,) = seen.only("http.response.trailers")
    assert trailers["headers"] == [(b"x-sum", b"1"), (b"Set-Cookie", ODD)]
    assert any(line.startswith(b"_fbp=; Max-Age=0") for line in seen.set_cookies)


@pytest.mark.requirement("CKE-13")
def test_a_cookie_under_an_encoded_path_is_expired_there() -> None:
    """Browsers compare paths as they are written in the address, percent-encoded."""
    scope = http("/café/menu", cookie="_fbp=1", raw_path=b"/caf%C3%A9/menu")
    for given in (scope, {**scope, "raw_path": None}):
        lines = run(raw.gated(ALL), given).set_cookies
        assert b"_fbp=; Max-Age=0; Path=/caf%C3%A9" in lines


FAR = replace(
    SHOP,
    services=(
        *SHOP.services,
        Service(
            key="chat",
            purposes=("functional",),
            cookies=(
                CookiePattern(name="chat", path="/help"),
                CookiePattern(name="chat_all", path="/help", domain=".shop.example"),
                CookiePattern(name="here", path="/privacy-choices"),
                CookiePattern(name="chat_", match=Match.PREFIX, path="/help"),
            ),
        ),
    ),
)


@pytest.mark.requirement("WDR-02")
@pytest.mark.parametrize(("choice", "is_gone"), [("withdraw", True), ("accept", False)])
def test_a_choice_expires_what_lies_under_other_paths(choice: str, is_gone: bool) -> None:
    """A declared cookie that the browser does not send to our address goes all the same."""
    gate = raw.gated(ALL, FAR)
    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    seen = run(gate, *form("/privacy-choices", {"choice": choice, "notice": notice}))
    gone = {line for line in seen.set_cookies if b"Max-Age=0" in line}
    expected = {
        b"chat=; Max-Age=0; Path=/help",
        b"chat=; Max-Age=0; Path=/help; Domain=shop.example",
        b"chat_all=; Max-Age=0; Path=/help; Domain=shop.example",
    }
    assert gone == (expected if is_gone else set())


def told(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if word in record.getMessage()]


@pytest.mark.requirement("CKE-01", "CKE-11", "CKE-15")
def test_what_the_policy_lacks_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Undeclared, nameless and repeated: each with what to do, each once, at every one counted."""
    app = Script(
        start(
            b"text/plain",
            *((b"set-cookie", line) for line in (b"nobodys=1", b"=x", b"cart=1", b"cart=2")),
        ),
        body(b"x"),
    )
    gate = raw.gated(app)
    with caplog.at_level(logging.WARNING, "consentgate"):
        for _ in range(3):
            run(gate, http("/"))
    (undeclared,) = told(caplog, "undeclared")
    assert 'blocked the undeclared cookie "nobodys"' in undeclared
    assert 'cookies = ["nobodys"]' in undeclared
    (repeated,) = told(caplog, "more than once")
    assert '"cart"' in repeated
    assert len(told(caplog, "without a name")) == 1
    counts = gate.assembly.faults.counts
    assert [counts[name] for name in ("undeclared_name", "nameless", "repeated_name")] == [3, 3, 3]
    assert gate.undeclared == {"nobodys", ""}


@pytest.mark.requirement("CKE-15")
def test_a_whole_policy_leaves_nothing_undeclared() -> None:
    """What strangers send does not count as the app's, and deletions need no entry."""
    app = Script(
        start(b"text/plain", (b"set-cookie", b"session=1"), (b"set-cookie", b"old=; Max-Age=0")),
        body(b"x"),
    )
    gate = raw.gated(app)
    run(gate, http("/", cookie="made_up=1; session=2"))
    assert gate.undeclared == frozenset()
    assert gate.assembly.warnings.sent_by_browsers == {"made_up"}


def test_strangers_cannot_drown_what_the_app_sets(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of made-up names: a bounded log, and the app's own name is still said."""
    gate = raw.gated(ALL)
    with caplog.at_level(logging.WARNING, "consentgate"):
        run(gate, http("/", cookie="; ".join(f"x{number}=1" for number in range(4_000))))
        run(gate, http("/", cookie='a"\\\x1b[2J=1'))
    assert len(gate.assembly.warnings.sent_by_browsers) == 256
    (said,) = told(caplog, "a browser sent")
    assert " and 232 more that a browser sent" in said
    assert len(said) < 1_000
    assert len(told(caplog, '"nobodys" that the app sets')) == 1
    assert not told(caplog, "\x1b")


@pytest.mark.requirement("CKE-01")
@pytest.mark.parametrize(("undeclared", "passes"), [("block", False), ("allow", True)])
def test_undeclared_names_follow_the_policy_both_ways(undeclared: str, passes: bool) -> None:
    """Blocked by default; let through where the policy says so."""
    seen = run(raw.gated(ALL, with_site(undeclared=undeclared)), http("/", cookie="nobodys=1"))
    assert (b"nobodys=1" in seen.set_cookies) is passes
    assert (ALL.cookie_fields == [b"nobodys=1"]) is passes


# What a site cannot do without, as the shipped catalogue names it
EXEMPT = {
    "session": ("starlette", "session"),
    "authentication": ("django", "sessionid"),
    "forgery protection": ("django", "csrftoken"),
    "cart": ("site-basics", "cart"),
    "load balancer": ("load-balancer", "AWSALBCORS"),
    "display preference": ("site-basics", "theme"),
    "language": ("site-basics", "language"),
    "paywall counter": ("site-basics", "articles_read"),
    "bot defence": ("cloudflare-security", "__cf_bm"),
}


@pytest.mark.requirement("CKE-14")
@pytest.mark.parametrize(("service", "name"), EXEMPT.values(), ids=EXEMPT)
def test_what_is_strictly_necessary_is_shipped_and_never_asked_about(
    service: str, name: str
) -> None:
    """One ``use`` line: passes both ways before a choice and under every signal."""
    text = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
    policy = parse_policy(f'{text}[service.x]\nuse = "{service}"\n', catalogue=load_catalogue())
    line = f"{name}=1; Path=/".encode()
    app = Script(start(b"text/plain", (b"set-cookie", line)), body(b"x"))
    for headers in ([], [(b"sec-gpc", b"1"), (b"dnt", b"1")]):
        seen = run(raw.gated(app, policy), http("/", cookie=f"{name}=1", headers=headers))
        assert seen.set_cookies == [line]
        assert app.cookie_fields == [f"{name}=1".encode()]


def lines_of(seen: Any) -> list[bytes]:
    return [line for line in seen.set_cookies if b"Max-Age=0" not in line]


@pytest.mark.requirement("CKE-03", "CKE-04")
@pytest.mark.parametrize(
    "status", [200, 201, 204, 206, 301, 303, 304, 400, 401, 404, 409, 500, 503]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_status_is_gated(status: int, method: str) -> None:
    """Names in any case, one field each, in order, byte for byte; nothing denied."""
    app = Script({**ALL.messages[0], "status": status}, body())
    seen = run(raw.gated(app), http("/", method=method, cookie="_fbp=1"))
    assert lines_of(seen) == [ODD, b"cart=2"]
    assert [name for name, value in seen.pairs if value in (ODD, b"cart=2")] == [
        b"Set-Cookie",
        b"SET-COOKIE",
    ]
    assert any(line.startswith(b"_fbp=; Max-Age=0") for line in seen.set_cookies)


def granted_by(gate: ConsentGate, *fields: str, scheme: str = "http") -> set[str]:
    """What holds when a browser sends these ``Cookie`` fields."""
    headers = [(b"cookie", field.encode("latin-1")) for field in fields]
    scope = http("/privacy-choices/state", scheme=scheme, headers=headers)
    purposes = json.loads(run(gate, scope).body)["purposes"]
    return {key for key, is_granted in purposes.items() if is_granted} - {"necessary"}


SOME, ALL_PURPOSES = {"functional"}, {"functional", "statistics", "marketing"}


@pytest.mark.requirement("REC-13", "SEC-01")
def test_several_tokens_grant_what_all_of_them_grant() -> None:
    """In any order, in one field or several; what is forged beside them is nothing."""
    gate = raw.gated(ALL)
    accept = raw.chosen(gate, choice="accept")
    some = raw.chosen(gate, choice="save", p=["functional"])
    reject = raw.chosen(gate, choice="reject")
    forged = accept[:-3] + "AAA"
    table: list[tuple[tuple[str, ...], set[str]]] = [
        ((accept,), ALL_PURPOSES),
        ((f"{accept}; {accept}",), ALL_PURPOSES),
        ((f"{accept}; {some}",), SOME),
        ((some, accept), SOME),
        ((f"{reject}; {accept}",), set()),
        ((accept, f"cart=1; {reject}"), set()),
        ((f"{forged}; {some}",), SOME),
        ((f"choices=; {some}; choices",), SOME),
        ((forged,), set()),
        (("; ".join([accept] * 5),), set()),  # nobody sends five: something is wrong
        ((f'cart="{accept}"',), set()),  # within the value of another cookie
        ((f"x{accept}",), set()),
    ]
    for fields, expected in table:
        assert granted_by(gate, *fields) == expected, fields


@pytest.mark.requirement("CKE-09", "SEC-01")
def test_over_https_only_the_host_bound_token_counts() -> None:
    """A sibling host or plain HTTP cannot plant a ``__Host-`` cookie, but any other name."""
    gate = raw.gated(ALL)
    bound = raw.chosen(gate, scheme="https", choice="accept")
    assert bound.startswith("__Host-choices=")
    plain = bound.removeprefix("__Host-")
    assert granted_by(gate, bound, scheme="https") == ALL_PURPOSES
    assert granted_by(gate, plain, scheme="https") == set()
    assert granted_by(gate, f"{plain}; {bound}", scheme="https") == ALL_PURPOSES
