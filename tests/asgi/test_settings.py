"""Secrets: from the environment or a file, several for rotation, never a default in production."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

import pytest

from consentgate import ConsentGate
from consentgate.asgi.startup.signing import is_development, signing_keys
from consentgate.errors import ConsentGateError, SecretError
from tests.asgi import raw
from tests.asgi.raw import NOW, http, run

OLD = "old-R7vQ2mXk9LwZ4tYc8NfB1sHj6GdP3aEu"
NEW = "new-T5yKq8WcV2nLx7RbM4hJd9ZpF6sGa3Qe"


@pytest.mark.parametrize(
    "text", [f"{NEW} {OLD}", f"{NEW},{OLD}", f" {NEW} , {OLD} ", f"{NEW}\n{OLD}\n"]
)
def test_the_newest_key_comes_first_and_signs(text: str) -> None:
    """Written newest first; the signer takes the last."""
    assert signing_keys({"CONSENTGATE_SECRET": text}) == [OLD.encode(), NEW.encode()]


def test_a_file_wins(tmp_path: Path) -> None:
    """``CONSENTGATE_SECRET_FILE``, as secret stores mount it."""
    path = tmp_path / "secret"
    path.write_text(f"{NEW}\n")
    environment = {"CONSENTGATE_SECRET": OLD, "CONSENTGATE_SECRET_FILE": str(path)}
    assert signing_keys(environment) == [NEW.encode()]


@pytest.mark.requirement("SEC-09")
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "no key to sign choices with"),
        ({"CONSENTGATE_SECRET": ""}, "no key to sign choices with"),
        ({"CONSENTGATE_SECRET": " , "}, "no key to sign choices with"),
        ({"CONSENTGATE_ENV": "production"}, "no key to sign choices with"),
        ({"CONSENTGATE_SECRET": "x" * 31}, "key 1 has 31 bytes, expected at least 32"),
        ({"CONSENTGATE_SECRET": f"{NEW} short"}, "key 2 has 5 bytes"),
        ({"CONSENTGATE_SECRET_FILE": "/nowhere/at/all"}, "cannot read /nowhere/at/all"),
    ],
)
def test_production_refuses_to_start(environment: dict[str, str], words: str) -> None:
    """One error that says what to do, and never shows a key."""
    with pytest.raises(SecretError) as caught:
        signing_keys(environment)
    text = str(caught.value)
    assert words in text
    assert "secrets.token_urlsafe" in text
    assert "short" not in text.replace("too short", "")
    assert isinstance(caught.value, (ConsentGateError, ValueError))


@pytest.mark.requirement("SEC-09")
def test_a_key_stands_there_once() -> None:
    """The same one twice is a rotation that was none."""
    with pytest.raises(SecretError, match="the same key stands there twice"):
        signing_keys({"CONSENTGATE_SECRET": f"{NEW} {OLD} {NEW}"})


@pytest.mark.parametrize("length", [32, 64])
def test_random_keys_are_taken(length: int) -> None:
    """Whatever a random source gives, in hexadecimal or Base64."""
    for _ in range(200):
        for key in (secrets.token_hex(length // 2), secrets.token_urlsafe(length)):
            assert signing_keys({"CONSENTGATE_SECRET": key}) == [key.encode()]


@pytest.mark.parametrize("key", ["k" * 40, "0123456789abcdef" * 2, "old-" + "o" * 40])
def test_a_weak_key_is_told(key: str, caplog: pytest.LogCaptureFixture) -> None:
    """It signs; the key itself is not said."""
    assert signing_keys({"CONSENTGATE_SECRET": key}) == [key.encode()]
    assert "CONSENTGATE_SECRET: key 1 " in caplog.text
    assert key not in caplog.text


@pytest.mark.requirement("SEC-09")
@pytest.mark.parametrize(("mode", "is_told"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_file_that_everybody_can_read_is_told(
    mode: int, is_told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read all the same: in a container nobody else may be there."""
    path = tmp_path / "secret"
    path.write_text(NEW)
    path.chmod(mode)
    assert signing_keys({"CONSENTGATE_SECRET_FILE": str(path)}) == [NEW.encode()]
    assert ("every user of this machine can read" in caplog.text) is is_told


def test_an_empty_secret_file_is_no_secret(tmp_path: Path) -> None:
    """A mount that failed is not a reason to sign with nothing."""
    path = tmp_path / "secret"
    path.write_text("\n")
    with pytest.raises(SecretError):
        signing_keys({"CONSENTGATE_SECRET_FILE": str(path)})


def test_development_signs_with_a_throw_away_key(caplog: pytest.LogCaptureFixture) -> None:
    """A new one each time, and it says so."""
    with caplog.at_level(logging.WARNING, logger="consentgate"):
        first = signing_keys({"CONSENTGATE_ENV": "development"})
    assert "throw-away key" in caplog.text
    assert first != signing_keys({}, development=True)
    assert first[0].decode() not in caplog.text


def test_the_argument_beats_the_environment() -> None:
    """``development=False`` refuses whatever the environment says."""
    with pytest.raises(SecretError):
        signing_keys({"CONSENTGATE_ENV": "development"}, development=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("development", True), ("Dev", True), ("test", True), ("production", False), ("", False)],
)
def test_what_counts_as_development(value: str, expected: bool) -> None:
    """Anything unknown is production."""
    assert is_development({"CONSENTGATE_ENV": value}) is expected


@pytest.mark.requirement("SEC-09")
def test_the_gate_itself_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """At construction, before any request."""
    for name in ("CONSENTGATE_SECRET", "CONSENTGATE_SECRET_FILE", "CONSENTGATE_ENV"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SecretError):
        ConsentGate(raw.page(), policy=raw.in_memory())


@pytest.mark.requirement("SEC-01")
def test_rotation_keeps_choices_until_the_old_key_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old and new beside each other read old tokens; the new one alone does not."""

    def gate_with(secret: str) -> ConsentGate:
        monkeypatch.setenv("CONSENTGATE_SECRET", secret)
        return raw.gated(raw.page(), development=False)

    def is_heard(gate: ConsentGate, cookie: str) -> bool:
        return b'"decided":true' in run(gate, http("/privacy-choices/state", cookie=cookie)).body

    token = raw.chosen(gate_with(OLD), choice="accept")
    rotating = gate_with(f"{NEW} {OLD}")
    assert is_heard(rotating, token)
    renewed = raw.chosen(rotating, choice="accept")
    new = gate_with(NEW)
    assert is_heard(new, renewed)
    assert not is_heard(new, token)


def test_another_site_with_the_same_key_reads_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audience is in the salt."""
    from dataclasses import replace

    from tests.policies import SHOP

    monkeypatch.setenv("CONSENTGATE_SECRET", NEW)
    token = raw.chosen(raw.gated(raw.page(), development=False), choice="accept")
    other = replace(SHOP, controller=replace(SHOP.controller, name="Another Shop"))
    gate = raw.gated(raw.page(), other, development=False)
    seen = run(gate, http("/privacy-choices/state", cookie=token))
    assert b'"decided":false' in seen.body


def test_a_misspelt_option_is_an_error() -> None:
    """Options are named; nothing swallows unknown ones."""
    with pytest.raises(TypeError, match="develpment"):
        ConsentGate(raw.page(), policy=raw.in_memory(), develpment=True, clock=lambda: NOW)  # type: ignore[call-arg]
