"""A field of the access record is one row of one table; everything else walks it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_house import PACKAGE

BEFORE = '    Field("event", _GRANTED'
ROW = """    Field("made_up", _GRANTED, "what a test asks", "as sent",
          of_visitor=lambda more: more.header(b"x-made-up")),
"""
VISIT = """
import sys
from dataclasses import replace
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import LogSettings
from tests.policies import SHOP
from tests.visits import ended_visit
policy = replace(SHOP, log=LogSettings(directory=sys.argv[1]))
log = SiteLog.open(policy)
headers = [(b"user-agent", b"Mozilla/5.0 Firefox/127.0"), (b"x-made-up", b"yes"),
           (b"cookie", b"choices=token")]
scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "headers": headers}
choice = Choice(made_at=1_790_000_000, purposes={"statistics": True}, id="1" * 32)
log.note(ended_visit(scope, policy, choice, 1_790_000_000), 1)
log.close()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more row in the table."""
    folder = tmp_path_factory.mktemp("fields")
    shutil.copytree(PACKAGE, folder / "consentgate")
    table = folder / "consentgate/domain/record.py"
    text = table.read_text(encoding="utf-8")
    assert text.count(BEFORE) == 1
    table.write_text(text.replace(BEFORE, ROW + BEFORE), encoding="utf-8")
    (folder / "tests").symlink_to(PACKAGE.parent / "tests")
    return folder


def ran(package: Path, *arguments: str) -> str:
    """What Python prints, run with the changed package."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=package, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.slow
def test_a_new_field_is_one_row(package: Path, tmp_path: Path) -> None:
    """One more row shows in the line of a visit, in the inventory and in the exports."""
    log = tmp_path / "log"
    ran(package, "-c", VISIT, str(log))
    (segment,) = log.rglob("*.jsonl")
    record = json.loads(segment.read_text(encoding="utf-8").splitlines()[1])
    assert (record["tier"], record["made_up"]) == ("T1", "yes")
    assert "what a test asks" in ran(package, "-m", "consentgate", "log", "fields")
    exported = ran(package, "-m", "consentgate", "log", "export", str(segment), "--to", "csv")
    assert "made_up" in exported.splitlines()[0].split(",")
    assert "yes" in exported.splitlines()[1].split(",")
