"""A site whose gate cannot work does not start, and says why, however it is put together."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

from consentgate import ConsentGate
from consentgate.errors import PolicyError, SecretError
from tests.asgi import raw
from tests.asgi.raw import drive, http
from tests.policies import with_site

GOOD = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
SESSION = Middleware(SessionMiddleware, secret_key="k" * 32)


class Outside:
    """Middleware that nobody knows."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def gate_of(**options: Any) -> Middleware:
    return Middleware(ConsentGate, **{"policy": raw.in_memory(), "development": True, **options})


async def started(app: Any) -> str:
    """Why the app did not start; empty where it did."""
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return "" if sent[0]["type"] == "lifespan.startup.complete" else sent[0]["message"]


WRONG = {
    "no key": (gate_of(development=False), "CONSENTGATE_SECRET: no key to sign choices with; set"),
    "no policy": (gate_of(policy="nowhere.toml"), "nowhere.toml: cannot be read"),
    "misspelt": (gate_of(devlopment=True), 'no option "devlopment"; did you mean "development"?'),
    "nothing like it": (gate_of(colour="red"), 'no option "colour"; there are policy, development'),
}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONSENTGATE_SECRET", "CONSENTGATE_SECRET_FILE", "CONSENTGATE_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.requirement("SEC-09")
@pytest.mark.parametrize(("middleware", "reason"), WRONG.values(), ids=WRONG)
def test_an_app_with_a_wrong_gate_does_not_start(middleware: Middleware, reason: str) -> None:
    """Frameworks make middleware on the first call: the start fails, and no request is served."""
    app = Starlette(middleware=[middleware])
    assert reason in asyncio.run(started(app))
    seen = raw.run(app, http("/"))
    assert reason in str(seen.raised)
    assert [message for message in seen.sent if message.get("status") == 200] == []


def test_every_fault_of_a_policy_is_in_the_reason(tmp_path: Path) -> None:
    """Two mistakes, two lines, two ids."""
    path = tmp_path / "consentgate.toml"
    path.write_text(GOOD + "[site]\nundeclared = 'blok'\nprefx = '/x'\n")
    reason = asyncio.run(started(Starlette(middleware=[gate_of(policy=path)])))
    assert ':6: [site] undeclared = "blok"' in reason
    assert ':7: [site] prefx: unknown key; did you mean "prefix"?' in reason


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"policy": raw.in_memory()}, SecretError),
        ({"policy": "nowhere.toml"}, PolicyError),
        ({"polcy": "x"}, TypeError),
    ],
)
def test_a_gate_made_by_hand_raises(options: dict[str, Any], kind: type[Exception]) -> None:
    """Before any server runs there is somebody to raise to."""
    with pytest.raises(kind):
        ConsentGate(raw.page(), **options)


class Own(ConsentGate):
    """A site's own gate, with options of its own."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.colour = options.pop("colour")
        super().__init__(app, policy=raw.in_memory(), development=True)


def test_a_subclass_may_have_options_of_its_own() -> None:
    """Only the gate's own options are known here."""
    assert Own(raw.page(), colour="red").colour == "red"


@pytest.mark.parametrize(
    ("middleware", "starts", "warns"),
    [
        ([gate_of(), SESSION], True, False),
        ([SESSION, gate_of()], False, False),
        ([Middleware(GZipMiddleware), gate_of(), SESSION], True, False),
        ([Middleware(Outside), gate_of()], True, True),
    ],
    ids=["outermost", "a session outside", "compression outside", "something else outside"],
)
def test_the_gate_is_outermost(
    middleware: list[Middleware], starts: bool, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What sets cookies outside would pass unseen: refused where known, warned of otherwise."""
    app = Starlette(middleware=middleware)
    with caplog.at_level(logging.WARNING, "consentgate"):
        reason = asyncio.run(started(app))
    assert (reason == "") is starts
    if not starts:
        assert "SessionMiddleware stands outside ConsentGate" in reason
        assert "call app.add_middleware(ConsentGate, ...) last" in reason
    assert ("Outside stands outside" in caplog.text) is warns


def test_without_lifespan_the_first_request_warns(caplog: pytest.LogCaptureFixture) -> None:
    """Servers may leave the lifespan protocol out: the order is then looked at once."""
    app = FastAPI()
    app.add_middleware(ConsentGate, policy=raw.in_memory(), development=True)
    app.add_middleware(Outside)

    async def twice() -> None:
        for _ in range(2):
            await drive(app, http("/"))

    with caplog.at_level(logging.WARNING, "consentgate"):
        asyncio.run(twice())
    assert caplog.text.count("Outside stands outside ConsentGate") == 1


@pytest.mark.slow
@pytest.mark.requirement("SEC-09")
def test_a_server_exits_with_the_reason(tmp_path: Path) -> None:
    """uvicorn as it comes: no port is opened, the status is not 0, the text says what to do."""
    (tmp_path / "consentgate.toml").write_text(GOOD)
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\nfrom consentgate import ConsentGate\napp = FastAPI()\n"
        'app.add_middleware(ConsentGate, policy="consentgate.toml")\n'
    )
    ended = subprocess.run(
        [sys.executable, "-m", "uvicorn", "main:app", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "CONSENTGATE_SECRET: no key to sign choices with; set CONSENTGATE_SECRET" in ended.stderr
    assert "Uvicorn running" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.requirement("STO-05")
@pytest.mark.parametrize(("mode", "says"), [("off", 1), ("report-only", 0), ("enforce", 0)])
def test_a_site_without_a_second_policy_is_told_what_it_gives_up(
    caplog: pytest.LogCaptureFixture, mode: str, says: int
) -> None:
    """At start, in one line that names the setting, the remedy and where to read more."""
    raw.gated(raw.page(), with_site(csp=mode))
    assert caplog.text.count('csp = "off": what scripts of the site put into a page') == says
