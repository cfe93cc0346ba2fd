"""First-party collectors: which spellings of a path count, and what is answered in the app's place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from consentgate.domain.policy.policy import HostPattern
from consentgate.gates.collectors import PIXEL, canonical, wants_image
from tests.asgi.raw import chosen, gated, http, json_answer, run, websocket
from tests.policies import SHOP

SITE = replace(
    SHOP,
    services=(
        *SHOP.services,
        replace(SHOP.services[2], key="tags", cookies=(), collectors=("/gtm/*", "/px*")),
    ),
)


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT", "HEAD", "INVENTED"])
def test_a_denied_collector_never_reaches_the_app(method: str) -> None:
    """Whatever the method; no cookie, nothing to keep, also where the browser had some."""
    app = json_answer((b"set-cookie", b"_an_id=1"))
    seen = run(gated(app), http("/collect", method=method, query=b"id=1", cookie="_an_id=1"))
    assert (seen.status, seen.body, app.scopes) == (204, b"", [])
    assert seen.set_cookies == []
    assert seen.one(b"cache-control") == b"no-store"


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize(
    "path",
    [
        "/collect/",
        "//collect",
        "/./collect",
        "/a/../collect",
        "/COLLECT",
        "/%63ollect",
        "/%2563ollect",
        "\\collect",
        "/collect;v=1",
        "/gtm",
        "/gtm/a/b",
        "/GTM//a",
        "/px.gif",
        "/px",
    ],
)
def test_no_spelling_slips_by(path: str) -> None:
    """What a server or app may take for the path counts as the path."""
    app = json_answer()
    assert run(gated(app, SITE), http(path)).status in (200, 204)
    assert app.scopes == []


@pytest.mark.parametrize("path", ["/", "/collected", "/collect/more", "/gtmx", "/a/collect", "/p"])
def test_other_paths_are_the_apps(path: str) -> None:
    """An exact pattern is exact; a prefix ends where it says."""
    app = json_answer()
    run(gated(app, SITE), http(path))
    assert len(app.scopes) == 1


@pytest.mark.requirement("STO-06")
def test_a_grant_lets_it_through_and_a_signal_takes_it_back() -> None:
    """GPC and DNT count on the first request as on any other."""
    app = json_answer()
    gate = gated(app)
    granted = chosen(gate, choice="accept")
    run(gate, http("/collect", cookie=granted))
    assert len(app.scopes) == 1
    run(gate, http("/collect", cookie=granted, headers=[(b"dnt", b"1")]))
    assert len(app.scopes) == 1


def test_a_mounted_app_may_be_named_either_way() -> None:
    """The path as the visitor sees it, or as the app does."""
    app = json_answer()
    run(gated(app), http("/shop/collect", root_path="/shop"))
    run(gated(app), http("/collect", root_path="/shop"))
    assert app.scopes == []


@pytest.mark.parametrize(
    ("path", "destination", "accept", "is_image"),
    [
        ("/collect", "image", "*/*", True),
        ("/collect", "", "image/avif,image/webp,*/*", True),
        ("/px.GIF", "", "*/*", True),
        ("/px.gif", "script", "*/*", False),
        ("/collect", "", "*/*", False),
        ("/collect", "empty", "image/*", False),
    ],
)
def test_an_image_is_answered_with_one(
    path: str, destination: str, accept: str, is_image: bool
) -> None:
    """Nothing shows as broken."""
    assert wants_image(path, destination, accept) is is_image


def test_the_image_is_whole_and_head_has_no_body() -> None:
    """One transparent pixel."""
    scope = [(b"sec-fetch-dest", b"image")]
    seen = run(gated(json_answer()), http("/collect", headers=scope))
    assert (seen.status, seen.body) == (200, PIXEL)
    assert seen.one(b"content-length") == b"%d" % len(PIXEL)
    head = run(gated(json_answer()), http("/collect", headers=scope, method="HEAD"))
    assert (head.status, head.body) == (200, b"")


def test_a_socket_to_a_collector_is_refused() -> None:
    """Before it is accepted."""
    app = json_answer()
    seen = run(gated(app), websocket("/collect"), {"type": "websocket.connect"})
    assert ([message["type"] for message in seen.sent], app.scopes) == (["websocket.close"], [])


@pytest.mark.requirement("STO-06", "LOG-11")
def test_its_line_in_the_log_says_collector_alone(tmp_path: Path) -> None:
    """Neither path nor query, also for a visitor who granted statistics."""
    policy = replace(SITE, services=(replace(SITE.services[2], purposes=("marketing",)),))
    gate = gated(json_answer(), policy, log=tmp_path)
    cookie = chosen(gate, choice="save", p="statistics")
    run(gate, http("/collect", query=b"utm_source=x", cookie=cookie))
    gate.close()
    text = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    (line,) = [json.loads(one) for one in text.splitlines() if '"(collector)"' in one]
    assert line["tier"] == "T0"
    assert "utm_source" not in text
    assert "/collect" not in text


def test_a_path_has_one_canonical_spelling() -> None:
    """Applied again nothing changes, however odd it was."""
    for path in ("/%2e%2e/a", "//A//b/", "/a;x/../b", "", "/\0collect", "/%", "/\ud800"):
        assert canonical(canonical(path)) == canonical(path)


GOOGLE = replace(
    SHOP.services[3],
    key="google",
    cookies=(),
    purposes=("statistics",),
    hosts=(HostPattern(host="www.googletagmanager.com"),),
)
TAGGED = replace(SHOP, services=(*SHOP.services, GOOGLE))
# Path and query of a vendor's tag on the site itself
TAGS = [
    ("/metrics/gtag/js", b"id=G-123"),
    ("/gtm.js", b"id=GTM-123&l=dataLayer"),
    ("/a/b/ns.html", b"id=GTM-123"),
]
STRANGE = [("/px/fbevents.js", b""), ("/tr/", b"id=1&ev=PageView"), ("/load/gtag/js", b"id=AW-1")]
OWN = [
    ("/gtag/js", b""),
    ("/static/app.js", b""),
    ("/collect", b"v=1"),
    ("/tr", b"id=1"),
    ("/fbevents.js/notes", b""),
    ("/distract", b""),
]


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize(("path", "query"), TAGS)
def test_a_proxied_tag_is_its_vendors(
    path: str, query: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Held until its vendor's service is granted, though no collector names it; told once."""
    app = json_answer()
    gate = gated(app, TAGGED)
    for _ in range(2):
        assert run(gate, http(path, query=query)).status == 204
    assert app.scopes == []
    assert caplog.text.count("serves a vendor's tag") == 1
    granted = chosen(gate, choice="accept")
    seen = run(gate, http(path, query=query, cookie=granted))
    assert len(app.scopes) == 1
    assert seen.one(b"vary") == b"cookie, sec-gpc, dnt"


@pytest.mark.requirement("STO-06")
@pytest.mark.parametrize(("path", "query"), STRANGE)
def test_a_proxied_tag_that_nobody_declared_stays_held(path: str, query: bytes) -> None:
    """Nobody granted it, after accepting everything either (invariant 11)."""
    app = json_answer()
    gate = gated(app, TAGGED)
    granted = chosen(gate, choice="accept")
    for cookie in ("", granted):
        assert run(gate, http(path, query=query, cookie=cookie)).status in (200, 204)
    assert app.scopes == []
    free = replace(TAGGED, site=replace(TAGGED.site, unknown_hosts="report"))
    run(gated(app, free), http(path, query=query))
    assert len(app.scopes) == 1


@pytest.mark.parametrize(("path", "query"), OWN)
def test_what_only_resembles_a_tag_is_the_apps(path: str, query: bytes) -> None:
    """The end of the path and the vendor's ids both count."""
    app = json_answer()
    tagged = replace(TAGGED, services=tuple(replace(s, collectors=()) for s in TAGGED.services))
    run(gated(app, tagged), http(path, query=query))
    assert len(app.scopes) == 1
