"""What caches are told: merged with what the app said, never repeated, never loosened."""

from __future__ import annotations

import pytest

from consentgate.gates.headers.caching import PAGE, VISITOR, Headers, with_private, with_vary


def said(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


@pytest.mark.requirement("SIG-15", "SEC-08")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [b"private"]),
        ([b"public, max-age=60"], [b"max-age=60, private"]),
        ([b"s-maxage=9, max-age=60"], [b"max-age=60, private"]),
        ([b"no-cache", b"max-age=0"], [b"no-cache, max-age=0, private"]),
        ([b"no-store"], [b"no-store"]),
        ([b"Private, max-age=5"], [b"Private, max-age=5"]),
        ([b'private="set-cookie", max-age=5'], [b"max-age=5, private"]),
        ([b" , "], [b"private"]),
    ],
)
def test_an_answer_for_one_visitor_is_private(before: list[bytes], after: list[bytes]) -> None:
    """``public`` and ``s-maxage`` go; what is stricter stays."""
    headers = [(b"Cache-Control", value) for value in before]
    assert [
        value for value in said(with_private(headers), b"cache-control") if value.strip(b" ,")
    ] == after


@pytest.mark.requirement("SIG-15")
@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ([], VISITOR, [b"cookie, sec-gpc, dnt"]),
        ([], PAGE, [b"cookie, sec-gpc, dnt, accept-language"]),
        ([b"Accept-Encoding"], VISITOR, [b"Accept-Encoding, cookie, sec-gpc, dnt"]),
        ([b"Cookie", b"DNT"], VISITOR, [b"Cookie, DNT, sec-gpc"]),
        ([b"Sec-GPC, cookie , DNT"], VISITOR, [b"Sec-GPC, cookie , DNT"]),
        ([b"*"], PAGE, [b"*"]),
    ],
)
def test_vary_names_what_the_answer_depends_on(
    before: list[bytes], names: tuple[bytes, ...], after: list[bytes]
) -> None:
    """Added to what the app said, each name once; ``*`` says it all already."""
    headers = [(b"vary", value) for value in before]
    assert said(with_vary(headers, names), b"vary") == after


@pytest.mark.requirement("SIG-15", "SEC-08")
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (b"CDN-Cache-Control", b"max-age=600", b"private"),
        (b"cloudflare-cdn-cache-control", b"public, max-age=600", b"private"),
        (b"X-LiteSpeed-Cache-Control", b"public", b"private"),
        (b"Surrogate-Control", b"max-age=60", b"no-store"),
        (b"Edge-Control", b"cache-maxage=1d", b"no-store"),
        (b"X-Accel-Expires", b"3600", b"0"),
        (b"CDN-Cache-Control", b"No-Store", b"No-Store"),
        (b"x-own", b"max-age=1", b"max-age=1"),
    ],
)
def test_fields_that_only_some_caches_read_follow(name: bytes, before: bytes, after: bytes) -> None:
    """A field that wins over ``Cache-Control`` in a CDN permits nothing either."""
    for own in ([], [(b"cache-control", b"private")], [(b"cache-control", b"no-store")]):
        assert (name, after) in with_private([*own, (name, before)])
