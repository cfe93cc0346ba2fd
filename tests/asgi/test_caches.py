"""Shared caches: whoever fills one, nobody gets another visitor's variant or ``Set-Cookie``.

The cache keeps everything that RFC 9111 does not forbid it, cookies too, longer than any would.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate import ConsentGate
from consentgate.domain.policy.policy import RegimeSettings
from tests.asgi.raw import Exchange, chosen, gated, http, run
from tests.policies import with_site

LASTING = (b"cache-control", b"public, max-age=600, s-maxage=600")
LINK = (b"link", b"<https://cdn.ads.example/x>; rel=preload")
MARKUP = b"<!doctype html><html lang=en><head></head><body><img src=https://ads.example/p>"
ANSWERS = {
    "/": (b"text/html", MARKUP, ()),
    "/speechless": (b"text/html", MARKUP.replace(b" lang=en", b""), ()),
    "/linked": (b"text/html", MARKUP, (LINK,)),
    "/cookies": (b"text/html", MARKUP, ((b"set-cookie", b"session=1"),)),
    "/asked": (b"text/html", MARKUP, ()),
    "/packed": (b"text/html; charset=utf-16", MARKUP, ()),
    "/a.css": (b"text/css", b"p{}", (LINK, (b"accept-ch", b"DPR"))),
    "/a.js": (b"text/javascript", b"1", ((b"set-cookie", b"_fbp=1"),)),
    "/plain": (b"text/plain", b"1", ()),
    "/collect": (b"image/gif", b"GIF", ()),
}
COMPARED = (b"link", b"accept-ch", b"content-security-policy", b"content-type")


async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    """Says of everything that it may be kept for long, as careless sites do."""
    media_type, data, headers = ANSWERS[scope["path"]]
    if scope["path"] == "/asked":
        data += b"%d" % scope["state"]["consent"].allows("marketing")
    sent = [(b"content-type", media_type), LASTING, *headers]
    await send({"type": "http.response.start", "status": 200, "headers": sent})
    await send({"type": "http.response.body", "body": data})


class SharedCache:
    """Keeps what it may, by address and by what ``Vary`` names."""

    def __init__(self, gate: ConsentGate) -> None:
        self._gate = gate
        self._kept: dict[str, list[tuple[dict[bytes, bytes], Exchange]]] = {}

    def ask(self, path: str, headers: list[tuple[bytes, bytes]]) -> tuple[Exchange, bool]:
        """The answer, and whether it came out of the cache."""
        sent = dict(headers)
        for named, kept in self._kept.get(path, []):
            if all(sent.get(name, b"") == value for name, value in named.items()):
                return kept, True
        seen = run(self._gate, http(path, headers=headers))
        control = b",".join(seen.all(b"cache-control")).lower()
        vary = [name.strip().lower() for name in b",".join(seen.all(b"vary")).split(b",")]
        if b"private" not in control and b"no-store" not in control and b"*" not in vary:
            named = {name: sent.get(name, b"") for name in vary if name}
            self._kept.setdefault(path, []).append((named, seen))
        return seen, False


@cache
def site(mode: str, model: str) -> tuple[ConsentGate, list[list[tuple[bytes, bytes]]]]:
    """A gate, and every kind of visitor: what they said, what their browser says, in two
    languages."""
    policy = replace(with_site(cache=mode), regimes=RegimeSettings(fixed=model))
    gate = gated(app, policy)
    tokens = ["", *(chosen(gate, choice=choice) for choice in ("accept", "reject"))]
    tokens.append(chosen(gate, choice="save", p="statistics"))
    signals = ([], [(b"sec-gpc", b"1")], [(b"dnt", b"1")])
    visitors = [
        [
            *signal,
            (b"accept-language", language),
            *([(b"cookie", f"{token}; _fbp=9".encode())] if token else []),
        ]
        for token, signal, language in itertools.product(tokens, signals, (b"en", b"de"))
    ]
    return gate, visitors


@pytest.mark.requirement("SIG-15", "SEC-08")
@pytest.mark.parametrize("mode", ["per-visitor", "shared"])
@pytest.mark.parametrize("model", ["opt-in", "opt-out"])
@settings(max_examples=60, deadline=None)
@given(visits=st.lists(st.tuples(st.integers(0, 23), st.sampled_from(sorted(ANSWERS)))))
def test_no_visitor_gets_anothers_answer(
    mode: str, model: str, visits: list[tuple[int, str]]
) -> None:
    """Through the cache everyone gets what they would get without it, and no stranger's cookie."""
    gate, visitors = site(mode, model)
    shared = SharedCache(gate)
    for number, path in visits:
        through, is_kept = shared.ask(path, visitors[number])
        direct = run(gate, http(path, headers=visitors[number]))
        assert through.body == direct.body
        for name in COMPARED:
            assert through.all(name) == direct.all(name)
        assert not (is_kept and through.set_cookies)


@pytest.mark.parametrize("path", ["/", "/linked", "/a.css"])
def test_a_shared_page_is_the_same_for_everyone_and_may_be_kept(path: str) -> None:
    """No token, no cookie, no variant: a CDN answers all but the first."""
    gate, visitors = site("shared", "opt-in")
    answers = [run(gate, http(path, headers=headers)) for headers in visitors]
    bots = run(gate, http(path, headers=[(b"user-agent", b"Googlebot/2.1")]))
    first = answers[0]
    if path != "/a.css":
        for seen in (*answers, bots):
            assert (seen.body, seen.pairs) == (first.body, first.pairs)
    assert first.one(b"cache-control") == LASTING[1]
    assert first.all(b"vary") == []
    assert b"data-privacy-src" in first.body or path == "/a.css"
    assert b"ads.example" not in b"".join(first.all(b"link"))


@pytest.mark.requirement("SEC-08")
def test_a_shared_page_that_names_no_language_has_the_sites() -> None:
    """Not that of whoever asked first: the cache would keep it for everyone."""
    gate, _ = site("shared", "opt-in")
    wishes = [[], [(b"accept-language", b"de")], [(b"accept-language", b"ar;q=1, en;q=0.1")]]
    answers = [run(gate, http("/speechless", headers=headers)) for headers in wishes]
    assert b"data-privacy-note" in answers[0].body
    assert len({seen.body for seen in answers}) == 1


@pytest.mark.requirement("SEC-08")
def test_the_state_comes_with_the_lines_that_a_shared_page_does_not_carry() -> None:
    """Never kept: what is denied expires there."""
    gate, visitors = site("shared", "opt-in")
    seen = run(gate, http("/privacy-choices/state", headers=visitors[12]))
    assert seen.one(b"cache-control") == b"private, no-store"
    assert any(line.startswith(b"_fbp=;") for line in seen.set_cookies)


@pytest.mark.requirement("SEC-08")
@pytest.mark.parametrize("rest", ["/a.css", "/state.css", "/state/a.js", "", "/state"])
def test_no_address_of_ours_looks_like_a_file_to_a_cache(rest: str) -> None:
    """Caches that go by the ending keep nothing: the answer forbids it, whatever it is."""
    seen = run(site("shared", "opt-in")[0], http("/privacy-choices" + rest))
    assert seen.one(b"cache-control") == b"private, no-store"
