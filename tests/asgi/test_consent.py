"""What the app sees: consent in HTTP and WebSocket, and features that need a purpose."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from consentgate import Consent, ConsentGate, ConsentRequired, Reason, get_consent, require
from consentgate.errors import SettingError
from tests.asgi import raw
from tests.asgi.raw import Exchange, http, run, websocket

BROWSER = (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
SCRIPT = (b"accept", b"application/json")


def shop() -> FastAPI:
    """A wish list that needs ``functional``, and a socket that needs ``statistics``."""
    app = FastAPI()

    @app.get("/wishes", dependencies=[Depends(require("functional"))])
    def wishes() -> dict[str, int]:
        return {"teapots": 2}

    @app.post("/wishes", dependencies=[Depends(require("functional"))])
    def wish() -> dict[str, int]:
        return {"teapots": 3}

    @app.get("/conflict")
    def conflict() -> JSONResponse:
        return JSONResponse({"detail": "the app's own"}, 409)

    @app.get("/me")
    def me(consent: Annotated[Consent, Depends(get_consent)]) -> dict[str, Any]:
        return {
            "allows": consent.allows("functional"),
            "why": consent.why("functional").value,
            "undeclared": consent.allows("nothing"),
            "regime": consent.regime,
            "gpc": consent.gpc,
            "dnt": consent.dnt,
            "root": consent.root,
            "text": repr(consent),
        }

    @app.websocket("/live")
    async def live(
        socket: WebSocket, consent: Annotated[Consent, Depends(require("statistics"))]
    ) -> None:
        await socket.accept()
        await socket.send_json({"statistics": consent.allows("statistics")})
        await socket.close()

    return app


@pytest.fixture(scope="module")
def gate() -> ConsentGate:
    """The gate before the shop."""
    return raw.gated(shop())


@pytest.fixture(scope="module")
def granted(gate: ConsentGate) -> str:
    """The cookie of a visitor who granted everything."""
    return raw.chosen(gate, choice="accept")


@pytest.mark.requirement("INT-12")
def test_the_app_reads_what_holds_and_why(gate: ConsentGate, granted: str) -> None:
    """Silence first, then a grant; undeclared words are never allowed."""
    before = json.loads(run(gate, http("/me", headers=[(b"dnt", b"1")])).body)
    assert before == {
        "allows": False,
        "why": Reason.SILENCE_DENIES.value,
        "undeclared": False,
        "regime": "ZZ",
        "gpc": False,
        "dnt": True,
        "root": "/privacy-choices",
        "text": "<Consent necessary>",
    }
    after = json.loads(run(gate, http("/me", cookie=granted)).body)
    assert (after["allows"], after["why"]) == (True, Reason.CHOSEN.value)
    assert after["text"] == "<Consent necessary, functional, statistics, marketing>"


@pytest.mark.requirement("SIG-15")
def test_an_answer_that_asked_says_what_it_depends_on(gate: ConsentGate) -> None:
    """``Vary`` for shared caches; an answer that did not ask has none."""
    assert run(gate, http("/me")).one(b"vary") == b"cookie, sec-gpc, dnt"
    assert run(gate, http("/conflict")).one(b"vary") is None


@pytest.mark.requirement("SIG-30")
def test_a_script_is_told_which_purpose_is_missing(gate: ConsentGate) -> None:
    """409 as problem details with the address where it can be changed."""
    seen = run(gate, http("/wishes", headers=[SCRIPT]))
    assert seen.status == 409
    assert seen.one(b"content-type") == b"application/problem+json"
    assert seen.one(b"link") == b'</privacy-choices>; rel="privacy-choices"'
    assert seen.one(b"cache-control") == b"private, no-store"
    assert seen.one(b"content-length") == b"%d" % len(seen.body)
    problem = json.loads(seen.body)
    assert problem["code"] == "consent_required"
    assert (problem["needs"], problem["reason"]) == ("functional", "silence_denies")
    assert problem["choices"] == "/privacy-choices"
    assert (problem["status"], problem["title"]) == (409, "consent required")


@pytest.mark.requirement("SIG-30", "COL-07")
def test_a_person_gets_a_page_to_change_it_on(gate: ConsentGate) -> None:
    """The choices page with the reason; choosing there leads back to the feature."""
    seen = run(gate, http("/wishes", query=b"page=2", headers=[BROWSER]))
    assert seen.status == 409
    assert seen.one(b"content-type") == b"text/html; charset=utf-8"
    assert b"needs your permission for: Functional." in seen.body
    assert b'name="next" value="/wishes?page=2"' in seen.body
    assert seen.one(b"link") == b'</privacy-choices>; rel="privacy-choices"'
    assert b"frame-ancestors 'none'" in (seen.one(b"content-security-policy") or b"")
    assert seen.body.count(b"<h1>") == 1
    assert len(seen.only("http.response.start")) == 1
    assert not seen.sent[-1].get("more_body", False)


def test_the_page_speaks_the_visitors_language(gate: ConsentGate) -> None:
    """As every page of ours."""
    seen = run(gate, http("/wishes", headers=[BROWSER, (b"accept-language", b"de")]))
    assert seen.one(b"content-language") == b"de"
    assert b'<html lang="de"' in seen.body


def test_a_refused_form_does_not_lead_back_to_itself(gate: ConsentGate) -> None:
    """What was posted cannot be sent again by a redirect."""
    seen = run(gate, http("/wishes", method="POST", headers=[BROWSER]))
    assert (seen.status, b'name="next" value="/privacy-choices"' in seen.body) == (409, True)


def test_head_of_a_refused_feature_has_no_body(gate: ConsentGate) -> None:
    """Nor does anything of the app's."""

    async def feature(request: Request) -> Response:
        await require("functional")(request)
        return PlainTextResponse("secret")

    seen = run(
        raw.gated(Starlette(routes=[Route("/", feature)])), http(method="HEAD", headers=[BROWSER])
    )
    assert (seen.status, seen.body) == (409, b"")


@pytest.mark.requirement("CKE-04")
def test_cookies_of_a_refused_feature_are_gated() -> None:
    """What the app set beside its refusal passes the gate like everything else."""

    async def feature(request: Request) -> Response:
        try:
            await require("functional")(request)
        except ConsentRequired as refusal:
            response = PlainTextResponse("no", 409, dict(refusal.headers or {}))
            response.set_cookie("session", "1")
            response.set_cookie("_fbp", "2")
            return response
        return PlainTextResponse("yes")

    gate = raw.gated(Starlette(routes=[Route("/", feature)]))
    seen = run(gate, http(headers=[SCRIPT], cookie="theme=1"))
    assert next(line.partition(b"=")[0] for line in seen.set_cookies) == b"session"
    assert {line.partition(b"=")[0] for line in seen.set_cookies} == {b"session", b"theme"}


def test_what_is_granted_is_served(gate: ConsentGate, granted: str) -> None:
    """The feature itself, and nothing of the refusal."""
    for headers in ([SCRIPT], [BROWSER]):
        seen = run(gate, http("/wishes", headers=headers, cookie=granted))
        assert (seen.status, json.loads(seen.body)) == (200, {"teapots": 2})
        assert seen.all(b"link") == []


def test_the_apps_own_conflicts_are_left_alone(gate: ConsentGate) -> None:
    """Only our own refusal is explained."""
    seen = run(gate, http("/conflict", headers=[BROWSER]))
    assert (seen.status, json.loads(seen.body)) == (409, {"detail": "the app's own"})


def test_an_app_may_explain_in_its_own_words() -> None:
    """A handler of the app's for ``ConsentRequired`` has the last word."""
    app = shop()

    @app.exception_handler(ConsentRequired)
    async def explain(request: Request, refusal: ConsentRequired) -> Response:
        return PlainTextResponse(f"{refusal.key} {refusal.reason.name} {refusal.address}", 451)

    seen = run(raw.gated(app), http("/wishes", headers=[BROWSER]))
    assert (seen.status, seen.body) == (451, b"functional SILENCE_DENIES /privacy-choices")


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (b"text/html", True),
        (b"TEXT/HTML; q=0.5", True),
        (b"application/json, text/html", True),
        (b"text/html;q=0", False),
        (b"*/*", False),
        (b"text/plain", False),
        (b"", False),
        (b"text/html;q=\xff", False),
    ],
)
def test_a_page_is_for_those_who_ask_for_one(
    gate: ConsentGate, accept: bytes, is_page: bool
) -> None:
    """Scripts say ``*/*`` or JSON; browsers name text/html."""
    seen = run(gate, http("/wishes", headers=[(b"accept", accept)]))
    assert (seen.one(b"content-type") == b"text/html; charset=utf-8") is is_page


def opened(seen: Exchange) -> list[str]:
    return [message["type"] for message in seen.sent]


def test_a_socket_without_permission_is_refused(gate: ConsentGate) -> None:
    """Policy violation with a reason that fits a close frame (123 bytes)."""
    seen = run(gate, websocket("/live"), {"type": "websocket.connect"})
    assert opened(seen) == ["websocket.close"]
    (close,) = seen.sent
    assert close["code"] == 1008
    assert "statistics" in close["reason"]
    assert "/privacy-choices" in close["reason"]
    assert len(close["reason"].encode()) <= 123


def test_a_long_key_still_fits_a_close_frame() -> None:
    """Keys and mount paths are cut by bytes, not by characters."""
    key = "é" * 100

    async def app(scope: raw.Scope, receive: Any, send: Any) -> None:
        with pytest.raises(Exception, match="é") as caught:
            await require(key)(HTTPConnection(scope))
        await send({"type": "websocket.close", "reason": caught.value.reason})

    (close,) = run(raw.gated(app), websocket(root_path="/ü" * 80)).sent
    assert len(close["reason"].encode()) <= 123


def test_a_socket_with_permission_is_served(gate: ConsentGate, granted: str) -> None:
    """The same dependency, the same cookie."""
    seen = run(gate, websocket("/live", cookie=granted), {"type": "websocket.connect"})
    assert opened(seen) == ["websocket.accept", "websocket.send", "websocket.close"]
    assert json.loads(seen.sent[1]["text"]) == {"statistics": True}


def test_without_a_gate_the_dependency_says_what_is_missing() -> None:
    """An app that forgot the middleware fails loudly, not open."""
    with pytest.raises(SettingError, match="add_middleware"):
        get_consent(HTTPConnection(http()))
    seen = run(shop(), http("/me"))
    assert isinstance(seen.raised, SettingError)
