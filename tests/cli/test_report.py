"""The command ``consentgate report``, as an analyst calls it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.report.making import REPORTS
from tests.report.traffic import Traffic, write_log


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy whose log holds a week."""
    folder = tmp_path_factory.mktemp("shop")
    write_log(folder / "log", Traffic(5), dt.date(2026, 11, 2), 7, 100)
    path = folder / "consentgate.toml"
    assert main(["init", str(path)]) == 0
    text = path.read_text(encoding="utf-8").replace("var/log", str(folder / "log"))
    path.write_text(text, encoding="utf-8")
    return path


WEEK = ("--from", "2026-11-02", "--until", "2026-11-08", "--no-comparison")


def run(policy: Path, *arguments: str) -> int:
    return main(["report", "--policy", str(policy), *WEEK, *arguments])


def test_reports_are_printed(policy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With what each rests on, and how numbers were rounded."""
    assert run(policy, "overview", "sources") == 0
    told = capfd.readouterr().out
    assert "Sources\n  All visits." in told
    assert "rounded to multiples of 5" in told


def test_all_reports_fit_one_page(policy: Path, tmp_path: Path) -> None:
    """Written whole, to the file that is named."""
    output = tmp_path / "week.html"
    assert run(policy, "--to", "html", "--output", str(output)) == 0
    text = output.read_text(encoding="utf-8")
    assert all(f'id="{name}"' in text for name in REPORTS if name != "overview")
    assert [path.name for path in tmp_path.iterdir()] == ["week.html"]


def test_programs_read_json(policy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Period, filters, coverage and rows."""
    assert run(policy, "pages", "--to", "json", "--device", "mobile") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["since"], told["filters"]) == ("2026-11-02", {"device": "mobile"})
    assert told["reports"][0]["rows"]


def test_every_report_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """With the question that it answers."""
    assert main(["report", "--list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(REPORTS)
    assert all(line.endswith("?") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["mood"], "mood: no such report; expected one of overview"),
        (["--until", "2026-11-01"], "the period ends before it begins"),
        (["--from", "soon"], "'soon': expected a day or a month"),
        (["--policy", "missing.toml"], "missing.toml"),
        (["--output", "/nowhere/x"], "/nowhere/x"),
    ],
)
def test_a_mistake_is_one_clear_error(
    arguments: list[str], error: str, policy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and nothing on standard output."""
    assert run(policy, *arguments) == 2
    told = capfd.readouterr()
    assert error in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_what_cannot_be_read_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1: the rest is reported."""
    layout = write_log(tmp_path / "log", Traffic(5), dt.date(2026, 11, 2), 2, 50)
    _, part = next(iter(layout.parts()))
    part.write_bytes(b"PAR1")
    path = tmp_path / "consentgate.toml"
    assert main(["init", str(path)]) == 0
    path.write_text(path.read_text().replace("var/log", str(tmp_path / "log")))
    assert run(path, "sources", "--to", "json") == 1
    told = capfd.readouterr()
    assert "cannot be read" in told.err
    assert json.loads(told.out[told.out.index("{") :])["problems"]


def test_a_reader_may_leave(policy: Path) -> None:
    """``consentgate report | head -1`` ends without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consentgate", "report", "--policy", str(policy), *WEEK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    assert b"Traceback" not in told
