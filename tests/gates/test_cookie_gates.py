"""Cookies both ways: what the app may read, what it may set, what is expired."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.gates.cookies.request import drop_denied_cookies
from consentgate.gates.cookies.response import MAX_EXPIRY_BYTES, expiries, may_set
from consentgate.gates.gated import Gated
from consentgate.gates.outcomes import Outcome, Outcomes
from consentgate.gates.plan import Plan
from consentgate.gates.request import read_request
from consentgate.gates.visitors.visitor import Visitor
from tests.policies import SHOP, with_site

NOW = 1_790_000_000


def outcome(*granted: str, policy: Policy = SHOP) -> Outcome:
    said = {key: key in granted for key in ("functional", "statistics", "marketing")}
    return Outcomes(Plan(policy)).of(
        Visitor(UNKNOWN, NONE, Choice(made_at=NOW, purposes=said)), NOW
    )


def gated(headers: list[tuple[bytes, bytes]], outcome: Outcome) -> Gated:
    return drop_denied_cookies(read_request({"type": "http", "headers": headers}), outcome)


def app_sees(outcome: Outcome, *fields: bytes) -> list[bytes]:
    headers = [(b"accept", b"*/*"), *((b"cookie", field) for field in fields)]
    kept = gated(headers, outcome).headers
    assert kept[0] == (b"accept", b"*/*")
    return [value for name, value in kept if name == b"cookie"]


@pytest.mark.requirement("CKE-02", "WDR-03")
@pytest.mark.parametrize(
    ("granted", "sent", "seen"),
    [
        # nothing granted
        ((), [b"session=1; theme=d; _an_id=2; _fbp=3"], [b"session=1"]),
        ((), [b"_fbp=3; session=1"], [b"session=1"]),
        ((), [b"_fbp=3"], []),
        ((), [b"_fbp=1; _fbp=2; session=a; _fbp=3"], [b"session=a"]),
        ((), [b"choices=abc; session=1"], [b"session=1"]),
        # granted purposes open their services only
        (("statistics",), [b"session=1; _an_id=2; _fbp=3"], [b"session=1; _an_id=2"]),
        (("marketing",), [b"_fbp=3; theme=d"], [b"_fbp=3"]),
        # case-sensitive, prefix and glob (CKE-07)
        (("statistics",), [b"_AN_id=1"], []),
        (
            ("statistics",),
            [b"visitor1id=1; visitorid=2; visitorXidY=3"],
            [b"visitor1id=1; visitorXidY=3"],
        ),
        # undeclared and nameless are dropped
        ((), [b"whatever=1; session=1; =x; flag"], [b"session=1"]),
        # untouched bytes: odd spacing, quotes, trailing semicolon, empty value
        ((), [b'session="a, b" ;cart=;'], [b'session="a, b" ;cart=;']),
        # several fields stay several (HTTP/2 crumbs); one that keeps nothing disappears
        ((), [b"session=1", b"_fbp=1", b"cart=2"], [b"session=1", b"cart=2"]),
    ],
)
def test_the_app_sees_only_what_is_permitted(
    granted: tuple[str, ...], sent: list[bytes], seen: list[bytes]
) -> None:
    """Reading is access: what was not granted is not in the request."""
    assert app_sees(outcome(*granted), *sent) == seen


def test_an_untouched_request_keeps_its_header_list() -> None:
    """Where every cookie is permitted nothing is copied."""
    headers = [(b"cookie", b"session=1; cart=2")]
    assert gated(headers, outcome()).headers is headers


def test_undeclared_names_pass_where_the_policy_says_so() -> None:
    """``undeclared = "allow"`` lets them through and still names them."""
    allowing = outcome(policy=with_site(undeclared="allow"))
    passing = gated([(b"cookie", b"x=1; session=2")], allowing)
    assert passing.headers == [(b"cookie", b"x=1; session=2")]
    assert passing.found.sent == (b"x",)


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_no_cookie_field_raises_and_nothing_denied_survives(fields: list[bytes]) -> None:
    """Any bytes: read or dropped; gating twice changes nothing more."""
    refusing = outcome()
    once = app_sees(refusing, *fields)
    assert app_sees(refusing, *once) == once


@pytest.mark.requirement("CKE-01", "CKE-03", "CKE-07", "CKE-10")
@pytest.mark.parametrize(
    ("line", "passes"),
    [
        (b"session=1; Path=/; HttpOnly", True),
        (b"theme=dark", False),
        (b"_fbp=1; Domain=.shop.example; Max-Age=7776000", False),
        (b"_fbp=; Max-Age=0", True),
        (b"unheard=1", False),
        (b"unheard=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        (b"Session=1", False),
        (b"=nameless", False),
        (b"justvalue", False),
        (b"choices=forged", False),
        (b"choices=; Max-Age=0", False),
        (b"__Host-choices=forged; Secure; Path=/", False),
    ],
)
def test_what_the_app_may_set(line: bytes, passes: bool) -> None:
    """Denied and undeclared lines stop, deletions pass, the token is ours alone."""
    assert may_set(line, outcome(), NOW, []) is passes


def expired(
    names: list[bytes], *, host: str = "www.shop.example", path: str = "/a/b"
) -> list[bytes]:
    return expiries(names, outcome(), host=host, path=path, is_secure=True, now=NOW)


@pytest.mark.requirement("CKE-13", "WDR-02")
def test_denied_cookies_are_expired_wherever_they_can_live() -> None:
    """Host-only and parent domains, every path that can have sent it, declared ones first."""
    lines = expired([b"_fbp"])
    assert lines[0].endswith(b"Path=/; Domain=shop.example; Secure")
    attributes = {tuple(line.split(b"; ")[2:-1]) for line in lines}
    for path in (b"/", b"/a", b"/a/", b"/a/b"):
        assert (b"Path=" + path,) in attributes
        for domain in (b"www.shop.example", b"shop.example"):
            assert (b"Path=" + path, b"Domain=" + domain) in attributes
    assert all(b"Max-Age=0" in line for line in lines)


def test_prefixed_and_partitioned_cookies_are_expired_as_they_were_set() -> None:
    """``__Host-`` has one path only; a partitioned cookie goes only with ``Partitioned``.

    Whether one of the same name lies in the other partition cannot be seen: it goes too.
    """
    policy = replace(SHOP)
    assert expired([b"__Host-x"], path="/") == [
        b"__Host-x=; Max-Age=0; Path=/; Secure",
        b"__Host-x=; Max-Age=0; Path=/; Secure; Partitioned",
    ]
    lines = expired([b"__Secure-ad"])
    assert lines[0].endswith(b"; Partitioned")
    assert any(not line.endswith(b"; Partitioned") for line in lines)
    assert policy == SHOP


def test_names_that_cannot_stand_in_a_header_are_not_echoed() -> None:
    """A hostile name is dropped from the request but never written into a response."""
    assert expired([b"a\r\nx", b"", b"b c", b"\xff"]) == []


def test_many_denied_cookies_are_expired_over_a_few_responses() -> None:
    """The header stays within what proxies take, and the clock moves its start on."""
    names = [b"_an_%d" % number for number in range(40)]
    seen: set[bytes] = set()
    for now in range(NOW, NOW + 400):
        lines = expiries(
            names, outcome(), host="www.shop.example", path="/a/b", is_secure=True, now=now
        )
        assert sum(map(len, lines)) <= MAX_EXPIRY_BYTES
        seen.update(lines)
    everything = expiries(
        names[:1], outcome(), host="www.shop.example", path="/a/b", is_secure=True, now=NOW
    )
    assert len(seen) == len(names) * len(everything)


@pytest.mark.parametrize("path", ["/", "/a/b", "/a/b/c/d/e/f/g"])
def test_the_likeliest_variants_of_several_cookies_go_in_one_response(path: str) -> None:
    """Eight cookies under every domain at ``/``, however deep the page: at once, not in turns."""
    names = [b"_an_%d" % number for number in range(8)]
    lines = set(expired(names, path=path))
    for name in names:
        for domain in (b"", b"; Domain=www.shop.example", b"; Domain=shop.example"):
            assert name + b"=; Max-Age=0; Path=/" + domain + b"; Secure" in lines
