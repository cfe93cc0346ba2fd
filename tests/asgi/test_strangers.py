"""Hosts that nobody declared: held in the page and its headers, whoever asks and whatever he said."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from consentgate.domain.policy.policy import Policy, RegimeSettings, SiteSettings
from consentgate.errors import PolicyError
from consentgate.formats.policy.reader import parse_policy
from tests.asgi.raw import (
    Exchange,
    Scope,
    Script,
    body,
    chosen,
    gated,
    http,
    json_answer,
    page,
    run,
    start,
)
from tests.policies import SHOP, with_site

pytestmark = pytest.mark.requirement("TPD-01", "STO-01")

LOADED = {
    "script": '<script src="https://x.stranger.example/a.js"></script>',
    "script without scheme": "<script async src=//x.stranger.example/a.js></script>",
    "module": '<script type="module">import "https://x.stranger.example/a.js"</script>',
    "import map": '<script type="importmap">{"imports":{"a":"https://x.stranger.example/a.js"}}</script>',
    "speculation": '<script type="speculationrules">{"prefetch":[{"urls":["https://x.stranger.example/"]}]}'
    "</script>",
    "loader": "<script>var s=document.createElement('script');s.src='https:\\/\\/x.stranger.example\\/a.js'"
    "</script>",
    "image in a script": "<script>new Image().src = '//x.stranger.example/p?' + Date.now()</script>",
    "fetch": "<script>fetch(`https://x.stranger.example/e`)</script>",
    "image": '<img src="https://x.stranger.example/p.gif">',
    "user name": '<img src="https://shop.example@x.stranger.example/p.gif">',
    "port": '<img src="https://x.stranger.example:8443/p.gif">',
    "number": '<img src="http://198.51.100.7/p.gif">',
    "number of version 6": '<img src="http://[2001:db8::7]/p.gif">',
    "srcset": '<img src="/a.png" srcset="/a.png 1x, //x.stranger.example/b.png 2x">',
    "picture": '<picture><source srcset="https://x.stranger.example/a.webp"></picture>',
    "frame": '<iframe src="https://x.stranger.example/film" width=400 height=300></iframe>',
    "frame with a page": "<iframe srcdoc=\"<img src='https://x.stranger.example/'>\"></iframe>",
    "object": '<object data="https://x.stranger.example/film"></object>',
    "video": '<video poster="https://x.stranger.example/a.png" src="https://x.stranger.example/a.mp4">',
    "style sheet": '<link rel="stylesheet" href="https://x.stranger.example/a.css">',
    "preconnect": '<link rel="preconnect" href="https://x.stranger.example">',
    "name look-up": '<link rel="dns-prefetch" href="//x.stranger.example">',
    "preload": '<link rel="preload" as="image" imagesrcset="https://x.stranger.example/a.png 2x">',
    "icon": '<link rel="shortcut icon" href="https://x.stranger.example/favicon.ico">',
    "style": '<style>body{background:url("https://x.stranger.example/a.png")}</style>',
    "import": "<style>@import '//x.stranger.example/a.css';</style>",
    "style attribute": '<p style="background:url(https://x.stranger.example/a.png)">',
    "ping": '<a href="/" ping="https://x.stranger.example/p">x</a>',
    "handler": "<p onclick=\"new Image().src='https://x.stranger.example/p'\">x</p>",
    "refresh": '<meta http-equiv="refresh" content="0; url=https://x.stranger.example/">',
    "drawing": '<svg><image href="https://x.stranger.example/a.png"/></svg>',
    "base": '<base href="https://x.stranger.example/"><img src="p.gif">',
    "sibling": '<img src="https://metrics.shop.example/p.gif">',
}
"""What a browser would load from somebody whom nobody declared."""
FOLLOWED = {
    "link": '<a class="out" href="https://x.stranger.example/?a=1&amp;b=2">x</a>',
    "link in a new window": "<a target=_blank rel=noopener href=//x.stranger.example/>x</a>",
    "area": '<map><area href="https://x.stranger.example/"></map>',
    "form": '<form action="https://x.stranger.example/pay"><button formaction="//x.stranger.example/">',
    "opened by a press": "<button onclick=\"window.open('https://x.stranger.example/')\">x</button>",
    "named by a program": '<script>var share = "https://x.stranger.example/";</script>',
    "link that a program writes": "<script>a.innerHTML = '<a href=\"https://x.stranger.example/\">x</a>'"
    "</script>",
    "remark of a program": "<script>/* see https://x.stranger.example/ */ document.createElement('p')</script>",
    "data": '<script type="application/ld+json">{"url":"https://x.stranger.example/"}</script>',
    "canonical address": '<link rel="canonical" href="https://x.stranger.example/">',
    "name space": '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0"/></svg>',
    "address of mail": "<p>info@stranger.example</p>",
    "text": "<p>https://x.stranger.example/</p><!-- //x.stranger.example/ -->",
}
"""Where a person goes, or nobody."""
PASSING = {
    "own host": '<img src="https://shop.example/a.png"><script src="//SHOP.example:8000/a.js"></script>',
    "own page": '<img src="/a.png"><script src="a.js"></script>',
    "same party": '<img src="https://cdn.shop.example/a.png"><img src="https://a.img.example/a.png">',
    "own network": '<img src="http://intranet/a.png">',
}
"""What belongs to the site."""
OWN = with_site(same_party=("cdn.shop.example", "*.img.example"))
REGIMES = ("opt-in", "opt-out", "notice")
CHOICES = ("nothing", "reject", "accept")


def document(markup: str) -> bytes:
    return b"<!doctype html><html><head></head><body>" + markup.encode() + b"</body></html>"


Serve = Callable[[str], str]
"""Gives a page with that markup as a visitor gets it."""


def serving(policy: Policy = OWN, choice: str = "nothing") -> Serve:
    """Serves pages of one site to a visitor who has made that choice."""
    current = [b""]

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await page(data=document(current[0].decode()))(scope, receive, send)

    gate = gated(app, policy)
    cookie = "" if choice == "nothing" else chosen(gate, choice=choice)

    def serve(markup: str) -> str:
        current[0] = markup.encode()
        return run(gate, http(cookie=cookie)).body.decode()

    return serve


def served(markup: str, policy: Policy = OWN) -> str:
    """The page as a visitor gets it who has not chosen."""
    return serving(policy)(markup)


@pytest.fixture(scope="module", params=CHOICES)
def serve(request: pytest.FixtureRequest) -> Serve:
    """One site, to visitors of each choice."""
    return serving(choice=request.param)


@pytest.mark.parametrize("markup", LOADED.values(), ids=LOADED)
def test_what_loads_is_held_whatever_a_visitor_said(markup: str, serve: Serve) -> None:
    """In the bytes: what held it stands there for the operator to read."""
    out = serve(markup)
    assert 'data-privacy-service="undeclared"' in out or "data-privacy:undeclared:" in out


@pytest.mark.parametrize("markup", (FOLLOWED | PASSING).values(), ids=FOLLOWED | PASSING)
def test_where_a_person_goes_and_what_is_own_passes(markup: str, serve: Serve) -> None:
    """Byte for byte."""
    assert document(markup).partition(b"<body>")[2] in serve(markup).encode()


@pytest.mark.parametrize(
    ("regime", "csp", "cache"),
    [*product(REGIMES, ("enforce", "report-only", "off"), ("per-visitor", "shared"))],
)
def test_every_mode_holds_by_the_bytes_alone(regime: str, csp: str, cache: str) -> None:
    """Every kind of markup at once, in every regime, csp and cache mode, before a choice and after."""
    site = replace(OWN.site, csp=csp, cache=cache)
    policy = replace(OWN, site=site, regimes=RegimeSettings(fixed=regime))
    for choice in CHOICES[::2]:
        serve = serving(policy, choice)
        assert [markup for markup in LOADED.values() if "undeclared" not in serve(markup)] == []


@pytest.mark.parametrize("cut", [1, 7, 64])
def test_a_page_in_pieces_is_held_the_same(cut: int) -> None:
    """However the app sends it."""
    serve = serving()
    for markup in list(LOADED.values())[::3]:
        data = document(markup)
        pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
        app_messages = [
            start(b"text/html"),
            *(body(piece, more_body=True) for piece in pieces),
            body(b""),
        ]
        whole = serve(markup)
        streamed = run(gated(Script(*app_messages), OWN), http()).body.decode()
        assert streamed.partition("</section>")[2] == whole.partition("</section>")[2]


def test_where_reports_are_wanted_pages_pass_byte_for_byte(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And the operator is told all the same."""
    policy = with_site(unknown_hosts="report", same_party=OWN.site.same_party)
    serve = serving(policy)
    for markup in LOADED.values():
        assert document(markup).partition(b"<body>")[2] in serve(markup).encode()
    assert '"x.stranger.example", and it is asked, whatever visitors say' in caplog.text


def test_a_held_frame_says_whose_it_is() -> None:
    """A visitor sees what is missing; there is nothing to grant."""
    out = served(
        '<iframe src="https://x.stranger.example/" width=400 height=300 title="A film"></iframe>'
    )
    assert "x.stranger.example is not loaded" in out
    assert "A film" in out
    assert 'name="service" value="undeclared"' not in out


SNIPPETS = sorted((Path(__file__).parents[1] / "corpora" / "snippets").glob("*.html"))
LOADS = re.compile(
    rb"<(?:script|iframe|img|embed|source|video|audio)\b[^>]*?\ssrc\s*=\s*[\"']?(?:https?:)?//[^>]*>",
    re.I,
)


@pytest.mark.parametrize("choice", CHOICES[::2])
def test_no_tag_of_a_vendor_loads_where_nobody_declared_it(choice: str) -> None:
    """All snippets of the corpus as vendors publish them, on a site that declares none of them."""
    policy = replace(SHOP, site=SiteSettings(csp="off"), services=SHOP.services[:1])
    serve = serving(policy, choice)
    for snippet in SNIPPETS:
        out = serve(snippet.read_text(encoding="utf-8")).encode()
        assert [tag for tag in LOADS.findall(out) if b"text/plain" not in tag] == [], snippet.name


HEADERS = [
    (b"link", b"<https://x.stranger.example/a.css>; rel=preload; as=style"),
    (b"refresh", b"5; url=https://x.stranger.example/"),
    (b"reporting-endpoints", b'main="https://x.stranger.example/r"'),
    (
        b"report-to",
        b'{"group":"g","max_age":9,"endpoints":[{"url":"https://x.stranger.example/"}]}',
    ),
    (b"speculation-rules", b'"https://x.stranger.example/rules.json"'),
    (b"sourcemap", b"https://x.stranger.example/a.map"),
    (b"content-security-policy", b"script-src 'self'; report-uri https://x.stranger.example/csp"),
]


def headers_of(seen: Exchange) -> bytes:
    return b"\n".join(name + b": " + value for name, value in seen.pairs)


@pytest.mark.parametrize("header", HEADERS, ids=[name.decode() for name, _ in HEADERS])
@pytest.mark.parametrize("choice", CHOICES)
def test_headers_contact_no_stranger(header: tuple[bytes, bytes], choice: str) -> None:
    """Of a page and of anything else; what leads to the site itself stays."""
    for app in (page(header), json_answer(header)):
        gate = gated(app, OWN)
        cookie = "" if choice == "nothing" else chosen(gate, choice=choice)
        sent = headers_of(run(gate, http(cookie=cookie)))
        assert b"stranger" not in sent or b'"max_age":0' in sent
    own = (header[0], header[1].replace(b"x.stranger.example", b"shop.example"))
    assert own in run(gated(page(own), OWN), http()).pairs


def test_what_is_held_from_all_may_be_shared_by_caches() -> None:
    """A header that no visitor gets makes no answer private."""
    header = (b"link", b"<https://x.stranger.example/a.css>; rel=preload; as=style")
    seen = run(gated(json_answer(header), OWN), http())
    assert seen.all(b"cache-control") == []


def test_an_early_hint_of_a_stranger_does_not_go() -> None:
    """The others in it do."""
    hint = {
        "type": "http.response.early_hint",
        "links": [b"<https://x.stranger.example/a.css>; rel=preload", b"</a.css>; rel=preload"],
    }
    seen = run(gated(Script(hint, start(b"text/plain"), body(b"")), OWN), http())
    assert [message["links"] for message in seen.only("http.response.early_hint")] == [
        [b"</a.css>; rel=preload"]
    ]


def test_the_operator_is_told_once_in_production_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which host, that it is held, and the lines to add; what it is for is not guessed."""
    monkeypatch.setenv("CONSENTGATE_SECRET", "R7vQ2mXk9LwZ4tYc8NfB1sHj6GdP3aEu-k")
    gate = gated(page(data=document(LOADED["image"])), OWN, development=False)
    for _ in range(3):
        run(gate, http(query=b"whose=jo42"))
    assert caplog.text.count('the undeclared host "x.stranger.example"') == 1
    assert "nothing is asked of it" in caplog.text
    assert 'purposes = []  # one or more of "functional"' in caplog.text
    assert 'hosts = ["x.stranger.example"]' in caplog.text
    assert "jo42" not in caplog.text


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("cdn.taboola.com", "It is Taboola's, which public lists have under marketing"),
        ("metrics.shop.example", 'same_party = ["metrics.shop.example"]'),
        ("x.stranger.example", "say what you use it for"),
    ],
)
def test_the_operator_learns_whose_a_host_is(
    host: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From public tables; a host below the site's own may be its own, or a tracker under its name."""
    served(f'<img src="https://{host}/p.gif">')
    assert said in caplog.text


def test_the_operator_reads_of_so_many_hosts_at_most(caplog: pytest.LogCaptureFixture) -> None:
    """A page of strangers fills no log."""
    served("".join(f'<img src="https://h{number}.stranger.example/">' for number in range(400)))
    assert caplog.text.count("the undeclared host") == 256


@pytest.mark.parametrize("host", [b"", b"\xff", b"[", b"shop.example:80:80", b"a" * 5_000])
def test_a_made_up_host_field_frees_nobody(host: bytes) -> None:
    """Nor does it break the page."""
    seen = run(gated(page(data=document(LOADED["image"])), OWN), http(host=host))
    assert b'data-privacy-src="https://x.stranger.example/p.gif"' in seen.body


def test_the_operator_learns_whose_a_cookie_commonly_is(caplog: pytest.LogCaptureFixture) -> None:
    """By its name or the start of it, from a public table."""
    run(gated(page((b"set-cookie", b"_hjSession_12=1"), (b"set-cookie", b"made_up=1"))), http())
    told = '"_hjSession_12" (by its name one of Hotjar\'s), "made_up" that the app sets; to declare'
    assert told in caplog.text
    assert 'cookies = ["_hjSession_12", "made_up"]' in caplog.text


@pytest.mark.parametrize("key", ["undeclared", "unknown"])
def test_no_service_is_called_like_what_nobody_declared(key: str) -> None:
    """A grant for it would bring back everything that is held."""
    head = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Example Shop"\n'
    with pytest.raises(PolicyError, match="CG147"):
        parse_policy(f'{head}[service.{key}]\npurposes = ["marketing"]')
