"""The archive of earlier meanings: a machine with a fresh disk asks nobody again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import cast

import pytest

from consentgate import ConsentGate
from consentgate.asgi.startup.archive_file import archive_beside, read_archive
from consentgate.cli import main
from consentgate.errors import SettingError
from consentgate.formats.policy.archive import parse_archive
from tests.asgi import raw
from tests.asgi.raw import NOW, form, http, run

SECRET = "a-secret-of-forty-characters-for-tests-00"
OLD = """version = "1"
effective = 2026-11-01
[controller]
name = "Shop"
[service.counter]
purposes = ["statistics"]
hosts = ["counter.example"]
[service.adverts]
purposes = ["marketing"]
hosts = ["ads.example"]
[log]
directory = ""
access_log = "leave"
"""
NEW = OLD.replace('version = "1"', 'version = "2"').replace("ads.example", "other-ads.example")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """All machines of a site share it."""
    monkeypatch.setenv("CONSENTGATE_SECRET", SECRET)


def policy(folder: Path, text: str) -> Path:
    """A machine's policy file, with a ledger of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / "consentgate.toml"
    path.write_text(f'{text}[ledger]\nurl = "sqlite:{folder}/ledger.sqlite3"\n', encoding="utf-8")
    return path


def gate_of(path: Path) -> ConsentGate:
    return ConsentGate(raw.page(), policy=path, development=False, clock=lambda: float(NOW))


def allowed(gate: ConsentGate, cookie: str) -> dict[str, bool]:
    """What the gate lets each service do for the bearer of a cookie."""
    app = cast("raw.Script", gate.app)
    run(gate, http(cookie=cookie))
    consent = app.scope["state"]["consent"]
    return {service: consent.allows(service) for service in ("counter", "adverts")}


def test_a_rolling_deployment_asks_nobody_again(tmp_path: Path) -> None:
    """Old policy on one machine, new one with its archive on a fresh machine: only what changed
    in meaning is asked again; without the archive everything is."""
    old = policy(tmp_path / "old", OLD)
    assert main(["policy", "archive", str(old)]) == 0
    before = gate_of(old)
    cookie = raw.chosen(before, choice="accept")
    before.close()
    new, bare = policy(tmp_path / "new", NEW), policy(tmp_path / "bare", NEW)
    assert main(["policy", "archive", str(new), str(old)]) == 0
    seen = {}
    for path in (new, bare):
        gate = gate_of(path)
        seen[path.parent.name] = allowed(gate, cookie)
        gate.close()
    assert seen["new"] == {"counter": True, "adverts": False}
    assert seen["bare"] == {"counter": False, "adverts": False}


def test_the_archive_grows_and_never_shrinks(tmp_path: Path) -> None:
    """Each version adds one line; running it again adds none."""
    path = policy(tmp_path, OLD)
    assert main(["policy", "archive", str(path)]) == 0
    first = archive_beside(path).read_text("utf-8")
    assert main(["policy", "archive", str(path)]) == 0
    assert archive_beside(path).read_text("utf-8") == first
    policy(tmp_path, NEW)
    assert main(["policy", "archive", str(path)]) == 0
    assert [version for version, _ in read_archive(archive_beside(path)).values()] == ["1", "2"]


def test_what_a_ledger_has_seen_can_be_archived(tmp_path: Path) -> None:
    """A site that never kept an archive takes the meanings out of its ledger."""
    path = policy(tmp_path, OLD)
    gate = gate_of(path)
    raw.chosen(gate, choice="accept")
    gate.close()
    policy(tmp_path, NEW)
    assert main(["policy", "archive", str(path), "--ledger"]) == 0
    assert len(read_archive(archive_beside(path))) == 2


def test_a_meaning_that_was_changed_by_hand_is_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the gate nor check takes an archive whose hashes do not fit."""
    path = policy(tmp_path, OLD)
    main(["policy", "archive", str(path)])
    archive = archive_beside(path)
    text = archive.read_text("utf-8")
    (row,) = json.loads(text)["meanings"]
    archive.write_text(text.replace(row["hash"], "0" * len(row["hash"])), encoding="utf-8")
    with pytest.raises(SettingError, match="another hash"):
        read_archive(archive)
    with pytest.raises(SettingError, match="policy archive"):
        gate_of(path)
    assert main(["check", str(path)]) == 2
    assert "another hash" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema":"x"}', '{"schema":"cg-meanings-1"}'])
def test_what_is_no_archive_is_refused(text: str) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(ValueError, match=r"."):
        parse_archive(text)


def test_check_says_that_the_archive_lacks_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy that goes into service before it is archived is named; it is no fault."""
    path = policy(tmp_path, OLD)
    main(["policy", "archive", str(path)])
    policy(tmp_path, NEW)
    assert main(["check", str(path)]) == 0
    assert "consentgate policy archive" in capsys.readouterr().err


def test_refusals_wait_where_the_policy_says(tmp_path: Path) -> None:
    """``[ledger] spool`` comes before the ledger's own folder."""
    path = policy(tmp_path, OLD)
    path.write_text(path.read_text("utf-8") + f'spool = "{tmp_path}/elsewhere"\n', "utf-8")
    (tmp_path / "ledger.sqlite3").mkdir()
    gate = gate_of(path)
    assert run(gate, *form("/privacy-choices", {"choice": "reject"})).status == 303
    gate.close()
    assert list((tmp_path / "elsewhere").glob("ledger.sqlite3-*.spool.*"))
    assert not list(tmp_path.glob("*.spool.*"))
    shutil.rmtree(tmp_path / "ledger.sqlite3")
    again = gate_of(path)
    assert run(again, *form("/privacy-choices", {"choice": "reject"})).status == 303
    again.close()
    assert not list((tmp_path / "elsewhere").glob("*.spool.*")), "they are in the ledger now"
