"""Our own addresses: which there are, how they answer, and below which path."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from consentgate import ConsentGate
from tests import site_logs
from tests.asgi import raw
from tests.asgi.raw import PAGE, form, http, run
from tests.policies import with_site


@pytest.fixture(scope="module")
def gate() -> ConsentGate:
    """A gate before a page."""
    return raw.gated(raw.page())


def asset_paths(gate: ConsentGate) -> list[str]:
    """Addresses of style and script, as a page names them."""
    body = run(gate, http()).body.decode()
    return re.findall(r'(?:href|src)="(/privacy-choices/assets/[^"]+)"', body)


@pytest.mark.requirement("SEC-08", "SEC-10", "SEC-11", "DSR-06")
@pytest.mark.parametrize(
    "path", ["/privacy-choices", "/privacy-choices/", "/privacy-choices/state"]
)
def test_what_is_for_one_visitor_is_stored_by_nobody(gate: ConsentGate, path: str) -> None:
    """No store, no sniffing, no framing, and no cookie without a choice."""
    seen = run(gate, http(path))
    assert seen.status == 200
    assert seen.one(b"cache-control") == b"private, no-store"
    assert seen.one(b"x-content-type-options") == b"nosniff"
    assert seen.set_cookies == []
    if not path.endswith("state"):
        assert b"frame-ancestors 'none'" in (seen.one(b"content-security-policy") or b"")
        assert seen.one(b"content-type") == b"text/html; charset=utf-8"
        assert seen.one(b"content-language") == b"en"


@pytest.mark.requirement("COL-25", "SEC-11")
def test_assets_are_named_by_content_and_kept_for_ever(gate: ConsentGate) -> None:
    """Right media type, immutable, no cookie, whatever is sent along."""
    paths = asset_paths(gate)
    assert [path.rpartition(".")[2] for path in paths] == ["css", "js"]
    for path, media_type in zip(paths, (b"text/css", b"text/javascript"), strict=True):
        seen = run(gate, http(path, cookie="_fbp=1"))
        assert seen.status == 200
        assert (seen.one(b"content-type") or b"").startswith(media_type)
        assert seen.one(b"cache-control") == b"public, max-age=31536000, immutable"
        assert seen.one(b"x-content-type-options") == b"nosniff"
        assert seen.set_cookies == []
        assert seen.body


@pytest.mark.parametrize(
    "path",
    [
        "/privacy-choices/nothing",
        "/privacy-choices/state/more",
        "/privacy-choices/state.css",  # web cache deception
        "/privacy-choices/assets/",
        "/privacy-choices/assets/0000000000000000.js",
        "/privacy-choices/assets/../../pyproject.toml",
        "/privacy-choices//",
    ],
)
@pytest.mark.requirement("SEC-08")
def test_the_rest_below_the_prefix_is_nowhere(gate: ConsentGate, path: str) -> None:
    """404 as problem details, kept by no cache; never the app's."""
    seen = run(gate, http(path))
    if path == "/privacy-choices//":
        assert seen.status == 200
        return
    assert seen.status == 404
    assert seen.one(b"content-type") == b"application/problem+json"
    assert json.loads(seen.body)["code"] == "not_found"
    assert seen.one(b"cache-control") == b"private, no-store"


@pytest.mark.parametrize(
    "path", ["/", "/privacy-choicest", "/x/privacy-choices", "/Privacy-choices"]
)
def test_everything_else_is_the_apps(path: str) -> None:
    """Only whole segments count, in the case that is written."""
    app = raw.page()
    run(raw.gated(app), http(path))
    assert len(app.scopes) == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/privacy-choices", b"GET, HEAD, POST"),
        ("DELETE", "/privacy-choices", b"GET, HEAD, POST"),
        ("OPTIONS", "/privacy-choices", b"GET, HEAD, POST"),
        ("POST", "/privacy-choices/state", b"GET, HEAD"),
        ("get", "/privacy-choices/state", b"GET, HEAD"),
    ],
)
def test_other_methods_are_told_which_there_are(
    gate: ConsentGate, method: str, path: str, allowed: bytes
) -> None:
    """405 with Allow; no answer permits another origin."""
    seen = run(gate, http(path, method=method, headers=[(b"origin", b"https://evil.example")]))
    assert (seen.status, seen.one(b"allow")) == (405, allowed)
    assert not [name for name, _ in seen.pairs if name.startswith(b"access-control")]


@pytest.mark.parametrize(
    "path", ["/privacy-choices", "/privacy-choices/state", "asset", "/privacy-choices/x"]
)
def test_head_is_get_without_the_body(gate: ConsentGate, path: str) -> None:
    """The same status and headers, not a byte after them."""
    address = asset_paths(gate)[0] if path == "asset" else path
    head, get = run(gate, http(address, method="HEAD")), run(gate, http(address))
    assert (head.status, head.pairs) == (get.status, get.pairs)
    assert head.body == b""
    assert get.body


def test_another_prefix_moves_everything() -> None:
    """Addresses, forms and assets follow the policy."""
    gate = raw.gated(raw.page(), with_site(prefix="/my/choices"))
    body = run(gate, http()).body
    assert b'action="/my/choices"' in body
    assert b"/privacy-choices" not in body
    assert run(gate, http("/my/choices/state")).one(b"content-type") == b"application/json"
    assert run(gate, http("/privacy-choices")).body.endswith(PAGE.partition(b"<body>")[2])


def sub_app() -> Starlette:
    """An app of its own with its own gate, to be mounted."""

    async def front(request: Request) -> Response:
        return HTMLResponse(PAGE)

    return Starlette(routes=[Route("/", front), Route("/teapots", front)])


@pytest.mark.parametrize("is_path_whole", [True, False], ids=["path with root", "path without"])
def test_a_mounted_gate_keeps_its_mount_path(is_path_whole: bool) -> None:
    """Form, assets, page and redirect all stay below the mount, for either reading of the spec."""
    gate = raw.gated(sub_app())

    def at(path: str) -> raw.Scope:
        return {**http(("/shop" if is_path_whole else "") + path), "root_path": "/shop"}

    body = run(gate, at("/teapots")).body
    assert b'action="/shop/privacy-choices"' in body
    assert b'src="/shop/privacy-choices/assets/' in body
    page = run(gate, at("/privacy-choices"))
    assert (page.status, b'action="/shop/privacy-choices"' in page.body) == (200, True)
    scope, sent = form("/privacy-choices", {"choice": "reject", "next": "//evil.example"})
    answer = run(
        gate, {**scope, "path": at("/privacy-choices")["path"], "root_path": "/shop"}, sent
    )
    assert (answer.status, answer.one(b"location")) == (303, b"/shop/privacy-choices")


def test_a_gate_on_a_mounted_app_serves_below_its_mount() -> None:
    """Starlette's own Mount, the gate on the inner app."""
    app = Starlette(routes=[Mount("/shop", app=raw.gated(sub_app()))])
    seen = run(app, http("/shop/teapots"))
    assert b'action="/shop/privacy-choices"' in seen.body
    assert run(app, http("/shop/privacy-choices/state")).status == 200
    assert run(app, http("/privacy-choices/state")).status == 404


def test_a_gate_around_an_app_with_mounts_gates_them_all() -> None:
    """The mounted app's pages carry the outer gate's addresses."""
    gate = raw.gated(Starlette(routes=[Mount("/shop", app=sub_app())]))
    seen = run(gate, http("/shop/teapots", cookie="_fbp=1"))
    assert b'action="/privacy-choices"' in seen.body
    assert b'name="next" value="/shop/teapots"' in seen.body
    assert any(b"Path=/shop/teapots" in line for line in seen.set_cookies)


@pytest.mark.requirement("LOG-11")
@pytest.mark.parametrize("is_granted", [False, True])
def test_our_own_pages_are_logged_without_the_visitor(is_granted: bool, tmp_path: Path) -> None:
    """Under one name, whatever the address, also for who granted statistics."""
    gate = raw.gated(raw.page(), log=tmp_path)
    cookie = raw.chosen(gate, choice="accept") if is_granted else ""
    run(gate, http("/privacy-choices/state", query=b"a=1", cookie=cookie))
    run(gate, http("/", cookie=cookie))
    gate.close()
    *_, line, page = site_logs.records(tmp_path)
    assert ("visitor" in page) is is_granted
    assert "visitor" not in line
    assert (line["route"], line["status"], line["tier"]) == ("(privacy choices)", 200, "T0")


@pytest.mark.requirement("SEC-12")
def test_no_address_carries_the_visitor() -> None:
    """Neither the token nor the choice's id stands in any link, form, redirect or state."""
    gate = raw.gated(raw.page())
    cookie = raw.chosen(gate, choice="accept")
    token = cookie.partition("=")[2]
    subject = next(iter(gate.assembly.proof.ledger.events())).subject
    marks = [token.encode(), token[1:20].encode(), subject.encode()]
    for path in ("/", "/teapots", "/privacy-choices", "/privacy-choices/state"):
        seen = run(gate, http(path, cookie=cookie, query=b"a=1"))
        assert seen.status == 200
        found = seen.body + b"".join(seen.all(b"location") + seen.all(b"link"))
        assert not [mark for mark in marks if mark in found], path
    withdrawn = run(gate, *raw.form("/privacy-choices", {"choice": "withdraw"}, cookie=cookie))
    assert not [mark for mark in marks if mark in (withdrawn.one(b"location") or b"")]
