"""``consentgate regimes``: the table with its sources, as it stands on a day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consentgate.cli import main

POLICY = """version = "1"
effective = 2026-11-01
[controller]
name = "Shop"
[regimes]
floor = "opt-out"
[regimes.overrides.NZ]
model = "opt-in"
"""


def facts(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    assert main(["regimes", "--json", *arguments]) == 0
    return {row["code"]: row for row in json.loads(capsys.readouterr().out)["regimes"]}


@pytest.mark.requirement("JUR-06")
def test_it_prints_every_row_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """All places, each with model, signals, intervals, source and confidence."""
    assert main(["regimes"]) == 0
    text = capsys.readouterr().out
    assert "reviewed 2026-11-23" in text
    assert (
        "US-CA  California: opt-out; GPC binding, DNT disclosure; asked again after 365 d" in text
    )
    assert text.count("source: ") > 90


def test_on_another_day(capsys: pytest.CaptureFixture[str]) -> None:
    """What a law to come will change."""
    assert facts(capsys, "IN", "--on", "2027-05-12")["IN"]["model"] == "notice"
    assert facts(capsys, "IN", "--on", "2027-05-13")["IN"]["model"] == "opt-in"


def test_under_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Overrides and the floor as this site has them."""
    path = tmp_path / "consentgate.toml"
    path.write_text(POLICY)
    rows = facts(capsys, "NZ", "US-NY", "--policy", str(path))
    assert (rows["NZ"]["model"], rows["US-NY"]["model"]) == ("opt-in", "opt-out")


def test_what_is_no_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and a word of help."""
    assert main(["regimes", "Germany"]) == 2
    assert "expected DE, US-CA, EU or ZZ" in capsys.readouterr().err
    assert main(["regimes", "--policy", str(tmp_path / "none.toml")]) == 2
    assert "CG100" in capsys.readouterr().err
