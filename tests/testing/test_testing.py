"""What a site's own tests get: visitors who have chosen, no files, and a list of what would leak."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from consentgate import Consent, ConsentGate, get_consent
from consentgate.errors import SettingError
from consentgate.testing import assert_no_leaks, browser_cookies, client, cookies, gate_of, leaks

POLICY = """
version = "1"
effective = 2026-11-01
[controller]
name = "Shop"
[regimes]
fixed = "opt-in"
[log]
directory = "log"
[ledger]
url = "sqlite:ledger.sqlite3"
[service.shop]
purposes = ["necessary"]
role = "first-party"
cookies = ["session"]
[service.counter]
purposes = ["statistics"]
owner = "Counter Inc"
country = "US"
hosts = ["*.counter.example"]
cookies = ["ga_*"]
[service.films]
purposes = ["marketing"]
owner = "Films Inc"
country = "US"
hosts = ["films.example"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSENTGATE_ENV", "test")
    monkeypatch.delenv("CONSENTGATE_SECRET", raising=False)
    Path("consentgate.toml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def site(page: str = "<!doctype html><html><body>x</body></html>", *sets: str) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    def home(response: Response) -> HTMLResponse:
        answer = HTMLResponse(page)
        for line in sets:
            answer.headers.append("set-cookie", line)
        return answer

    @app.get("/granted")
    def granted(consent: Annotated[Consent, Depends(get_consent)]) -> dict[str, bool]:
        return {key: consent.allows(key) for key in ("statistics", "marketing", "films")}

    app.add_middleware(ConsentGate)
    return app


@pytest.mark.parametrize(
    ("granted", "seen"),
    [
        (None, (False, False, False)),
        (False, (False, False, False)),
        (True, (True, True, True)),
        (["statistics"], (True, False, False)),
        (["films"], (False, False, True)),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_has_chosen_already(granted: Any, seen: tuple[bool, ...], scheme: str) -> None:
    """Undecided, refused, everything, or a chosen set; over HTTP and HTTPS."""
    with client(site(), granted, base_url=f"{scheme}://shop.example") as browser:
        assert tuple(browser.get("/granted").json().values()) == seen
        state = browser.get("/privacy-choices/state").json()
    assert state["decided"] is (granted is not None)


def test_no_file_is_written(folder: Path) -> None:
    """Choices are proven in memory, and the site log is nowhere."""
    with client(site()) as browser:
        notice = browser.get("/privacy-choices/state").json()["notice"]
        chosen = browser.post(
            "/privacy-choices",
            json={"choice": "accept", "notice": notice},
            headers={"sec-fetch-site": "same-origin"},
        )
        assert chosen.status_code == 200
        assert browser.get("/granted").json()["statistics"] is True
    assert [path.name for path in folder.iterdir()] == ["consentgate.toml"]


def test_signals_are_stated_by_the_client() -> None:
    """As a browser states them."""
    with client(site(), True, gpc=True, dnt=True) as browser:
        assert browser.get("/privacy-choices/state").json()["signals"] == ["gpc", "dnt"]


def test_any_client_carries_the_cookies() -> None:
    """Any client takes a dictionary of cookies."""
    import asyncio

    app = site()

    async def visit() -> dict[str, bool]:
        transport = httpx.ASGITransport(app=app)
        carried = cookies(app, ["marketing"])
        async with httpx.AsyncClient(
            transport=transport, base_url="http://x", cookies=carried
        ) as one:
            return dict((await one.get("/granted")).json())

    assert asyncio.run(visit()) == {"statistics": False, "marketing": True, "films": True}


def test_playwright_gets_the_cookie_of_its_scheme() -> None:
    """One cookie, Secure and ``__Host-`` over HTTPS."""
    app = site()
    (plain,) = browser_cookies(app, "http://127.0.0.1:8000", True)
    (secure,) = browser_cookies(app, "https://shop.example", False)
    assert (plain["name"], plain["secure"]) == ("choices", False)
    assert (secure["name"], secure["secure"], secure["httpOnly"]) == ("__Host-choices", True, True)


def test_what_the_policy_lacks_is_said() -> None:
    """A misspelt key is no refusal, and an app without a gate no site."""
    with pytest.raises(SettingError, match='no purpose or service "statistic"; it has necessary'):
        cookies(site(), ["statistic"])
    with pytest.raises(SettingError, match="no ConsentGate was found"):
        gate_of(Starlette())


def test_the_gate_is_found_wherever_it_is() -> None:
    """Wrapped, among other middleware, or itself."""
    inner = Starlette()
    wrapped = ConsentGate(inner)
    listed = Starlette(middleware=[Middleware(GZipMiddleware), Middleware(ConsentGate)])
    assert gate_of(wrapped) is wrapped
    assert gate_of(GZipMiddleware(wrapped)) is wrapped
    assert isinstance(gate_of(listed), ConsentGate)


def test_a_site_without_leaks_passes() -> None:
    """Declared services are held, its own files are its own."""
    page = (
        '<!doctype html><html><head><link rel=stylesheet href="/a.css">'
        '<script src="https://t.counter.example/x.js"></script></head>'
        '<body style="background:url(/b.png)"><a href="https://elsewhere.example">x</a>'
        '<img src="https://films.example/p.gif" srcset="/a.png 1x, /b.png 2x"></body></html>'
    )
    assert_no_leaks(site(page, "session=1", "ga_x=1"))


def test_everything_that_leaks_is_told_at_once() -> None:
    """Undeclared cookies and hosts, and what something outside the gate adds."""
    live = '<script src="https://t.counter.example/late.js"></script>'
    page = "<!doctype html><html><body>x</body></html>"
    inner = site(page, "basket=1")

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        async def adding(message: Any) -> None:
            if message["type"] == "http.response.start" and scope.get("path") == "/":
                kept = [pair for pair in message["headers"] if pair[0] != b"content-length"]
                added = [(b"set-cookie", b"ga_1=x"), (b"set-cookie", b"odd=1")]
                message = {**message, "headers": [*kept, *added]}
            if message["type"] == "http.response.body" and scope.get("path") == "/":
                body = message.get("body", b"")
                message = {**message, "body": body + live.encode() if body else body}
            await send(message)

        await inner(scope, receive, adding if scope["type"] == "http" else send)

    class Outside:
        app = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await outside(scope, receive, send)

    with pytest.raises(AssertionError) as told:
        assert_no_leaks(Outside(), ["/"])
    text = str(told.value)
    for part in ('cookie "ga_1" of [service.counter]', 'cookie "odd" is set past the gate'):
        assert part in text
    assert 'cookie "basket" is set by the app and declared nowhere' in text
    assert 'host "t.counter.example" of [service.counter] is asked' in text
    assert {leak.visitor for leak in leaks(Outside(), ["/"])} == {"undecided"}
