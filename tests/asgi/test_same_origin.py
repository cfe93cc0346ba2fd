"""Who may choose: only a page of this very site; and where a choice may lead back to."""

from __future__ import annotations

import pytest

from consentgate.asgi.posts.same_origin import MAX_NEXT_CHARS, is_same_origin, safe_next
from tests.asgi import raw
from tests.asgi.raw import form, run

SITE = b"sec-fetch-site"
HERE = b"http://shop.example"

# Fetch metadata first, Origin where a browser has none, never neither (OWASP CSRF; ASVS 3.5)
TABLE: list[tuple[str, list[tuple[bytes, bytes]], bool]] = [
    ("same-origin", [(SITE, b"same-origin")], True),
    ("same-origin beats a null Origin", [(SITE, b"same-origin"), (b"origin", b"null")], True),
    ("same-origin with our Origin", [(SITE, b"same-origin"), (b"origin", HERE)], True),
    ("a sibling subdomain", [(SITE, b"same-site")], False),
    ("another site", [(SITE, b"cross-site")], False),
    ("typed into the address bar", [(SITE, b"none")], False),
    ("another site that names our Origin", [(SITE, b"cross-site"), (b"origin", HERE)], False),
    ("no metadata, our Origin", [(b"origin", HERE)], True),
    ("no metadata, another Origin", [(b"origin", b"http://evil.example")], False),
    ("no metadata, a sibling's Origin", [(b"origin", b"http://a.shop.example")], False),
    ("no metadata, a null Origin", [(b"origin", b"null")], False),
    ("neither", [], False),
    ("an unknown word, our Origin", [(SITE, b"same-planet"), (b"origin", HERE)], True),
    ("an unknown word alone", [(SITE, b"same-planet")], False),
    ("metadata twice", [(SITE, b"same-origin"), (SITE, b"same-origin")], False),
    # beyond the fifteen
    ("Origin twice", [(SITE, b"same-origin"), (b"origin", HERE), (b"origin", HERE)], False),
    ("two values in one field", [(SITE, b"same-origin, cross-site")], False),
    ("our Origin on another port", [(b"origin", HERE + b":8080")], False),
    ("our Origin with its port spelled out", [(b"origin", HERE + b":80")], True),
    ("an Origin with a path", [(b"origin", HERE + b"/a")], False),
    ("an Origin with user information", [(b"origin", b"http://shop.example@evil.example")], False),
    ("an Origin that is no URL", [(b"origin", b"http://[::1")], False),
    ("an Origin of bytes", [(b"origin", b"http://sh\xf6p.example")], False),
    ("another scheme", [(b"origin", b"ftp://shop.example")], False),
]


@pytest.mark.requirement("SEC-02")
@pytest.mark.parametrize(
    ("headers", "is_ours"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_only_a_page_of_this_site_may_choose(
    headers: list[tuple[bytes, bytes]], is_ours: bool
) -> None:
    """Through the gate: a grant, or 403 without event and cookie."""
    gate = raw.gated(raw.page())
    notice = gate.assembly.pages.notice("en", raw.regime_of(gate))[0]
    fields = {"choice": "accept", "notice": notice}
    seen = run(gate, *form("/privacy-choices", fields, site=None, headers=headers))
    assert seen.status == (303 if is_ours else 403)
    assert len(list(gate.assembly.proof.ledger.events())) == is_ours
    assert bool(seen.set_cookies) is is_ours


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "is_ours"),
    [
        (b"https://shop.example", b"shop.example", "https", True),
        (b"https://shop.example", b"shop.example:443", "https", True),
        (b"https://shop.example:8443", b"shop.example:8443", "https", True),
        (b"https://SHOP.example", b"shop.EXAMPLE", "https", True),
        (b"http://shop.example", b"shop.example", "https", False),  # a downgraded page
        (b"https://shop.example", b"shop.example", "http", True),  # TLS ends at a proxy
        (b"http://[::1]:8000", b"[::1]:8000", "http", True),
        (b"https://shop.example", b"", "https", False),
    ],
)
def test_an_origin_names_scheme_host_and_port(
    origin: bytes, host: bytes, scheme: str, is_ours: bool
) -> None:
    """Default ports may be left out on either side."""
    assert is_same_origin([(b"host", host), (b"origin", origin)], scheme=scheme) is is_ours


def test_a_request_without_a_host_may_not_choose() -> None:
    """Nor one with two."""
    origin = (b"origin", HERE)
    assert not is_same_origin([origin], scheme="http")
    assert not is_same_origin([origin, (b"host", b"shop.example"), (b"host", b"x")], scheme="http")


@pytest.mark.requirement("SEC-06")
@pytest.mark.parametrize(
    ("address", "is_safe"),
    [
        ("/", True),
        ("/teapots?a=1&b=%20", True),
        ("/caf%C3%A9", True),
        ("/a//b", True),
        ("", False),
        ("teapots", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        (" /a", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/é", False),
        ("/a b", False),
        ("/a\r\nset-cookie: b", False),
        ("/<script>", False),
        ('/"', False),
        ("/" + "a" * (MAX_NEXT_CHARS - 1), True),
        ("/" + "a" * MAX_NEXT_CHARS, False),
    ],
)
def test_a_choice_leads_back_to_this_site_only(address: str, is_safe: bool) -> None:
    """Anything but a plain path with a query gives the default (CWE-601)."""
    assert safe_next(address, "/default") == (address if is_safe else "/default")


def test_the_fragment_is_dropped() -> None:
    """It would only be repeated by the browser."""
    assert safe_next("/a#//evil.example", "/default") == "/a"
