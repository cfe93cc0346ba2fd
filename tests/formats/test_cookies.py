"""The cookie wire format: names as browsers see them, lines as browsers obey them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats import cookies

NOW = 1_790_000_000


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"a=1; b=2", [b"a", b"b"]),
        (b"a=1;", [b"a"]),
        (b" a =1;b= 2 ", [b"a", b"b"]),
        (b"a=1=2; =x; flag", [b"a", b"", b""]),
        (b'a="x; y"', [b"a", b""]),
        (b"\xff\xfe=1", [b"\xff\xfe"]),
        (b"", []),
        (b";;;", []),
    ],
)
def test_names_in_a_cookie_field(header: bytes, names: list[bytes]) -> None:
    """Pieces are split at semicolons only, quotes mean nothing (RFC 6265bis 5.7)."""
    assert [name for name, _ in cookies.pairs(header)] == names


@pytest.mark.parametrize(
    ("line", "is_deletion"),
    [
        # Max-Age
        (b"a=; Max-Age=0", True),
        (b"a=; max-age=-1", True),
        (b"a=1; Max-Age=60", False),
        (b"a=1; Max-Age=00", True),
        (b"a=1; Max-Age=0; Max-Age=60", False),
        (b"a=1; Max-Age=x", False),
        (b"a=1; Max-Age=", False),
        # Expires
        (b"a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        (b"a=; expires=Thu, 01-Jan-1970 00:00:01 GMT", True),
        (b"a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT", False),
        (b"a=1; Expires=yesterday", False),
        # Max-Age wins over Expires
        (b"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
        (b"a=1; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT", True),
        # a session cookie; a value that looks like an attribute
        (b"a=Max-Age=0", False),
        (b"a=1", False),
    ],
)
@pytest.mark.requirement("CKE-10")
def test_deletions_are_recognised(line: bytes, is_deletion: bool) -> None:
    """A line that only removes its cookie is told from one that sets it."""
    assert cookies.is_deletion(line, NOW) is is_deletion


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (b"01 jan 70 00:00:10", 10),
        (b"Wed, 09 Nov 2022 16:41:04 GMT", 1_668_012_064),
        (b"09-Nov-22 16:41:04", 1_668_012_064),
        (b"31 Feb 2022 00:00:00", None),
        (b"01 Jan 1600 00:00:00", None),
        (b"01 Jan 2022 24:00:00", None),
        (b"Jan 2022 00:00:00", None),
        (b"", None),
    ],
)
def test_dates_are_read_as_browsers_do(text: bytes, seconds: int | None) -> None:
    """RFC 6265bis 5.1.1, two-digit years included."""
    assert cookies.cookie_date(text) == seconds


@given(st.binary(max_size=300))
def test_no_line_raises(line: bytes) -> None:
    """Whatever an app or a visitor sends is read or ignored."""
    cookies.set_cookie_name(line)
    cookies.is_deletion(line, NOW)
    list(cookies.pairs(line))


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("shop.example", [b"", b"shop.example"]),
        ("www.Shop.example.:8000", [b"", b"www.shop.example", b"shop.example"]),
        ("a.b.co.uk", [b"", b"a.b.co.uk", b"b.co.uk", b"co.uk"]),
        ("localhost", [b""]),
        ("127.0.0.1:8000", [b""]),
        ("[::1]:8000", [b""]),
        ("evil\r\nset: x.example", [b""]),
        ("", [b""]),
    ],
)
def test_domains_that_can_hold_a_visitors_name(host: str, domains: list[bytes]) -> None:
    """Host-only first, then the host and its parents; nothing for addresses or nonsense."""
    assert cookies.domain_variants(host) == domains


@pytest.mark.parametrize(
    ("path", "paths"),
    [
        ("/", [b"/"]),
        ("/shop", [b"/", b"/shop"]),
        ("/shop/cart", [b"/", b"/shop", b"/shop/", b"/shop/cart"]),
        (
            "/a/b/c/d/e",
            [
                b"/",
                b"/a",
                b"/a/",
                b"/a/b",
                b"/a/b/",
                b"/a/b/c",
                b"/a/b/c/",
                b"/a/b/c/d",
                b"/a/b/c/d/",
                b"/a/b/c/d/e",
            ],
        ),
        ("/caf%C3%A9/x", [b"/", b"/caf%C3%A9", b"/caf%C3%A9/", b"/caf%C3%A9/x"]),
        ("/a;b\r\n", [b"/"]),
        ("", [b"/"]),
    ],
)
def test_paths_that_can_have_sent_it(path: str, paths: list[bytes]) -> None:
    """Every prefix that path-matches (RFC 6265bis 5.1.4); never a byte that ends a header."""
    assert cookies.path_variants(path) == paths


@pytest.mark.requirement("CKE-08")
def test_our_own_line_is_capped_and_closed() -> None:
    """HttpOnly, SameSite=Lax, Secure on HTTPS, at most 400 days."""
    line = cookies.set_cookie("__Host-choices", "x", max_age_seconds=10**9, is_secure=True)
    assert line == (b"__Host-choices=x; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax; Secure")
