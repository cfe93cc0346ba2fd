"""``consentgate doctor`` and ``init --app``: what a policy will meet, and what an app keeps."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.asgi.startup.signing import signing_keys, weakness
from consentgate.cli import main

GOOD = "q9XcWm2vR7tKzL4nB8sYd3GhJ6fPaE1u-good-key-0123"
APPS = {
    "good": "app = FastAPI()\napp.add_middleware(SessionMiddleware, secret_key='k' * 32)\n"
    "app.add_middleware(ConsentGate)\n",
    "wrapped": "app = ConsentGate(FastAPI(docs_url=None, redoc_url=None))\n",
    "outside": "app = FastAPI()\napp.add_middleware(ConsentGate)\n"
    "app.add_middleware(SessionMiddleware, secret_key='k' * 32, session_cookie='sid')\n",
    "none": "app = FastAPI()\n",
    "broken": "app = 1 / 0\n",
}
IMPORTS = (
    "from fastapi import FastAPI\nfrom starlette.middleware.sessions import SessionMiddleware\n"
    "from consentgate import ConsentGate\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name in ("CONSENTGATE_SECRET_FILE", "CONSENTGATE_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONSENTGATE_SECRET", GOOD)
    monkeypatch.setattr("consentgate.cli.doctor.app.untold", lambda: ())  # what other tests loaded
    for name, text in APPS.items():
        (tmp_path / f"doctored_{name}.py").write_text(IMPORTS + text, encoding="utf-8")
    yield tmp_path
    for name in [one for one in sys.modules if one.startswith("doctored_")]:
        del sys.modules[name]


def doctored(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The status, and what was looked at."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["doctor", *arguments, "--json"])
    return code, json.loads(out.getvalue())


def policy(text: str = "") -> None:
    head = 'version = "1"\neffective = 2020-01-01\n[controller]\nname = "Shop"\n'
    Path("consentgate.toml").write_text(head + text, encoding="utf-8")


def ill(found: list[dict[str, Any]]) -> str:
    return "\n".join(f"{one['part']}: {one['what']}" for one in found if not one["is_well"])


def test_a_well_site_is_told_so() -> None:
    """Every part with what was seen; status 0."""
    policy("[log]\ndirectory = 'log'\n")
    code, found = doctored("--app", "doctored_good:app")
    assert (code, ill(found)) == (0, "")
    parts = [one["part"] for one in found]
    assert parts == ["secret", "policy", "clock", "ledger", "ledger", "log", "proxies", "app"]
    assert not Path("var").exists()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("changeme" * 5, "repeats the same 8 characters"),
        ("x" * 40, "repeats the same 1 characters"),
        ("abcabdabc" * 4 + "a", "repeats the same 9 characters"),
        ("aabbccdd" + "abcdabdc" * 3, "has only 4 different characters"),
        (f"{GOOD} {GOOD}", "the same key stands there twice; leave it once"),
        ("short", "expected at least 32"),
        ("", "no key to sign choices with"),
    ],
)
def test_a_weak_secret_is_told(keys: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is wrong with it, never by itself."""
    policy()
    monkeypatch.setenv("CONSENTGATE_SECRET", keys)
    code, found = doctored()
    assert code == 1
    assert told in ill(found)
    assert not keys or keys not in json.dumps(found)


def test_a_weak_secret_is_told_at_start_too(caplog: pytest.LogCaptureFixture) -> None:
    """The site starts, since its choices are signed with it; the log says what to do."""
    with caplog.at_level(logging.WARNING, "consentgate"):
        signing_keys({"CONSENTGATE_SECRET": "changeme" * 5})
    assert "key 1 repeats the same 8 characters" in caplog.text
    assert weakness(GOOD.encode()) == ""


def test_a_secret_that_others_can_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it."""
    policy()
    Path("key").write_text(GOOD, encoding="utf-8")
    os.chmod("key", 0o644)
    monkeypatch.setenv("CONSENTGATE_SECRET_FILE", "key")
    assert "key is open to others; chmod 600 key" in ill(doctored()[1])
    os.chmod("key", 0o600)
    assert doctored()[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[ledger]\nurl = 'memory:'\n", "ledger: memory: choices are proven until"),
        ("[ledger]\nurl = 'sqlite:file/l.sqlite3'\n", 'ledger] url: "'),
        ("[regimes]\nplace_database = 'x.mmdb'\n", 'place_database = "x.mmdb": is not there'),
    ],
)
def test_what_the_machine_lacks_is_told(text: str, told: str) -> None:
    """Ledger, folders and databases, as they stand."""
    Path("file").write_text("", encoding="utf-8")
    policy(text)
    code, found = doctored()
    assert code == 1
    assert told in ill(found)


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before nothing can be granted any more."""
    policy()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1_000_000))
    assert "1 MB are free; a full disk" in ill(doctored()[1])


def test_a_policy_that_is_wrong_ends_with_2() -> None:
    """What else was looked at is told all the same."""
    policy("[sitee]\n")
    code, found = doctored()
    assert code == 2
    assert "unknown key" in ill(found)
    assert found[0]["part"] == "secret"


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("doctored_wrapped:app", ""),
        ("doctored_outside:app", "SessionMiddleware stands outside the gate"),
        ("doctored_none:app", "no gate was found"),
        ("doctored_broken:app", "cannot be imported: ZeroDivisionError"),
        ("nowhere_at_all:app", "cannot be imported: ModuleNotFoundError"),
        ("doctored_good", 'expected module and attribute, such as "main:app"'),
    ],
)
def test_what_stands_around_the_gate_is_told(app: str, told: str) -> None:
    """Whether it is there, and outermost."""
    policy()
    code, found = doctored("--app", app)
    assert told in ill(found)
    assert code == bool(told)


def test_it_prints_a_line_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Marked as well or not."""
    policy("[ledger]\nurl = 'memory:'\n")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok  secret: 1 key")
    assert any(line.startswith("!!  ledger: memory:") for line in lines)


@pytest.mark.parametrize(
    ("app", "cookies", "services"),
    [
        ("good", ["session"], ["fastapi-docs"]),
        ("outside", ["sid"], ["fastapi-docs"]),
        ("wrapped", [], []),
    ],
)
def test_init_declares_what_an_app_keeps(
    app: str, cookies: list[str], services: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session's cookie and its documentation pages; the policy passes the check."""
    monkeypatch.setattr("consentgate.cli.doctor.framework._PACKAGES", {})
    monkeypatch.setattr("consentgate.cli.doctor.framework._of_django", lambda: iter(()))
    monkeypatch.delitem(sys.modules, "django.contrib.admin", raising=False)
    assert main(["init", "--app", f"doctored_{app}:app"]) == 0
    made = load_policy("consentgate.toml")
    assert [cookie.name for cookie in made.service_by_key["site"].cookies] == cookies
    assert [key for key in made.service_by_key if key != "site"] == services


def test_init_goes_on_without_an_app_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The starter policy is written, and why it knows nothing of the app is said."""
    assert main(["init", "--app", "doctored_broken:app"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert load_policy("consentgate.toml").services
