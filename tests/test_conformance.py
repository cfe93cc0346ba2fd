"""The conformance table can neither claim what no test proves nor miss what one names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import PAGE, ROOT, Run, claimed, declared, overstated, page, requirements

NAMED = sorted(declared())
BARE = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
"""For a run inside this one: what this one was told is not meant for it."""


def ran(requirement: str, outcome: str = "passed") -> Run:
    """A run in which the first test that names it did that, and the others passed."""
    run = Run()
    for test in declared()[requirement]:
        run.note(f"tests/{test}[one]", "passed")
    run.note(f"tests/{declared()[requirement][0]}[other]", outcome)
    return run


def test_the_page_names_every_requirement_once() -> None:
    """Each row of tests/requirements.json is a row of the page, in its words."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    for key, row in requirements().items():
        (line,) = [line for line in lines if line.startswith(f"| {key} |")]
        assert row["requirement"].replace("|", "\\|") in line
        assert row["source"].replace("|", "\\|") in line


def test_the_page_claims_what_tests_name() -> None:
    """What it calls proven, it calls so by exactly the tests that name it today."""
    stale = {
        key
        for key, tests in claimed(PAGE.read_text("utf-8")).items()
        if tests != declared().get(key)
    }
    assert not stale, "run: python -m pytest --write-requirements"


def test_every_group_has_a_heading_and_every_mark_a_requirement() -> None:
    """No test proves something that nobody asked for."""
    assert set(NAMED) <= set(requirements())
    assert claimed(page(requirements()))  # what is written can be read
    assert set(claimed(page(NAMED))) == set(NAMED)
    assert claimed(page([])) == {}


@pytest.mark.parametrize("outcome", ["failed", "skipped", "left out", "expected to fail"])
def test_one_case_that_did_not_pass_leaves_it_open(outcome: str) -> None:
    """However many others passed."""
    assert ran("SIG-04").proves("SIG-04")
    assert not ran("SIG-04", outcome).proves("SIG-04")
    assert not Run().proves("SIG-04")


def test_what_no_test_names_is_never_proven() -> None:
    """Not even by a run in which everything passed."""
    for key in set(requirements()) - set(NAMED):
        assert not Run().proves(key)


TRIAL = """
import pytest

@pytest.mark.requirement({key!r})
def test_it():
    pass
"""


def test_a_run_is_held_to_the_page() -> None:
    """A run that leaves a test out, or fails it, cannot confirm what the page says."""
    text = page(["SIG-04"])
    assert overstated(ran("SIG-04"), text) == []
    assert overstated(ran("SIG-04", "failed"), text) == ["SIG-04"]
    assert overstated(Run(), text) == ["SIG-04"]
    assert overstated(Run(), page([])) == []


@pytest.mark.parametrize(("key", "status"), [("SIG-04", 0), ("SIG-99", 4)])
def test_a_mark_that_names_no_requirement_stops_the_run(
    tmp_path: Path, key: str, status: int
) -> None:
    """Nothing is collected, and the mark is named."""
    trial = tmp_path / "test_trial.py"
    trial.write_text(TRIAL.format(key=key), encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", "-p", "tests.conformance", *options, str(trial)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=BARE)
    assert found.returncode == status
    assert ("not in tests/requirements.json: " in found.stderr) is (status == 4)


def test_half_a_run_writes_nothing(tmp_path: Path) -> None:
    """The page comes from a whole run or not at all."""
    before = PAGE.read_bytes()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--write-requirements",
        "tests/test_conformance.py",
    ]
    options = ["-k", "never", "-p", "no:cacheprovider"]
    found = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, env=BARE)
    assert "is not written" in found.stdout
    assert found.returncode != 0
    assert PAGE.read_bytes() == before
