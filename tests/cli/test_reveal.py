"""``consentgate log keygen``, ``reveal`` and ``reveals``, as the officer calls them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.log.security.audit import Audit
from consentgate.log.security.file import SecurityFile
from consentgate.log.security.sealing import read_public_key
from tests.log.test_security import DAY, INCIDENT, lines

POLICY = """version = "1"
effective = 2026-01-01
[controller]
name = "x"
[log]
security_directory = "security"
security_public_key = "officer.pub.pem"
"""


@pytest.fixture
def token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """A site with one incident; gives its pseudonym."""
    monkeypatch.chdir(tmp_path)
    Path("phrase").write_text("correct horse\nsecond line")
    assert main(["log", "keygen", "officer.pem", "--passphrase-file", "phrase"]) == 0
    assert "officer.pub.pem" in capsys.readouterr().out
    Path("consentgate.toml").write_text(POLICY)
    assert main(["check"]) == 0
    SecurityFile("security", read_public_key("officer.pub.pem"), days=7).write(INCIDENT)
    capsys.readouterr()
    return str(lines(Path("security"))[0]["ip"])


def asked(token: str, *more: str, reason: str = "case 7", phrase: str = "phrase") -> int:
    """Call reveal."""
    given = ["--key", "officer.pem", "--passphrase-file", phrase, "--day", DAY, *more]
    return main(["log", "reveal", *given, "--ip-token", token, "--reason", reason])


def test_a_pseudonym_is_lifted(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Address, agent and lines; the trail has who and why, and its hash is printed."""
    assert asked(token) == 0
    printed = capsys.readouterr().out
    assert "address: 203.0.113.77\n" in printed
    assert "Firefox/127.0" in printed
    assert "403 forbidden GET /admin" in printed
    assert Audit("security").entries()[0]["hash"] in printed
    assert asked(token, "--json") == 0
    assert json.loads(capsys.readouterr().out)["address"] == "203.0.113.77"
    assert main(["log", "reveals"]) == 0
    assert "case 7\n" in capsys.readouterr().out


@pytest.mark.requirement("LOG-09")
def test_without_an_audit_entry_nothing_is_printed(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trail that cannot be added to, or was changed, stops it: status 2, no address."""
    asked(token)
    trail = Path("security/audit.jsonl")
    assert stat.S_IMODE(trail.stat().st_mode) == 0o600
    trail.write_text(trail.read_text().replace("case 7", "case 8"))
    capsys.readouterr()
    assert asked(token) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "audit.jsonl:1: this entry has been changed" in told.err
    assert main(["log", "reveals"]) == 2
    trail.unlink()
    trail.mkdir()
    assert asked(token) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": "  "}, "--reason: expected why"),
        ({"token": "203.0.113.77"}, "--ip-token: expected the value"),
        ({"phrase": "wrong"}, "its passphrase"),
        ({"phrase": "nowhere"}, "nowhere: cannot be read"),
    ],
)
def test_wrong_input_is_one_sentence(
    token: str, change: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, what was expected, and neither an address nor an audit entry."""
    Path("wrong").write_text("wrong")
    capsys.readouterr()
    assert asked(**{"token": token, **change}) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
    assert not Path("security/audit.jsonl").exists()


def test_a_key_is_never_overwritten(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A second keygen leaves the first key as it is; the private one is its owner's alone."""
    before = Path("officer.pem").read_bytes()
    assert main(["log", "keygen", "officer.pem"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("officer.pem").read_bytes() == before
    assert stat.S_IMODE(Path("officer.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({'security_public_key = "officer.pub.pem"\n': ""}, "CG132"),
        ({'security_directory = "security"\n': ""}, "CG132"),
        ({"[log]": '[log]\ndirectory = "security/site"'}, "CG133"),
        ({"[log]": '[log]\ndirectory = "./"'}, "CG133"),
        ({"officer.pub.pem": "missing.pem"}, "CG134"),
        ({"officer.pub.pem": "officer.pem"}, "CG134"),
        ({"officer.pub.pem": "phrase"}, "CG134"),
        ({"officer.pub.pem": "signing.pem"}, "CG134"),
    ],
    ids=["no-key", "no-folder", "inside", "around", "missing", "private", "no-pem", "other-kind"],
)
def test_a_security_log_that_nobody_could_open_is_a_fault(
    token: str, changes: dict[str, str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``consentgate check`` says what is missing, with its line or file."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    other = Ed25519PrivateKey.generate().public_key()
    Path("signing.pem").write_bytes(
        other.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    )
    text = POLICY
    for old, new in changes.items():
        text = text.replace(old, new)
    Path("consentgate.toml").write_text(text)
    assert main(["check"]) == 2
    assert fault in capsys.readouterr().err
