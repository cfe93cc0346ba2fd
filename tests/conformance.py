"""The conformance table: which requirement is proven by which tests, by what they did in a run.

A test names what it proves with ``@pytest.mark.requirement("SIG-04")``. A requirement counts as
proven only where every test that names it ran and passed: one that failed, was skipped or was left
out of the run leaves it open. ``tests/conftest.py`` takes the hooks in.

    python -m pytest --requirements           prints the table and holds docs/conformance.md to it
    python -m pytest --write-requirements     writes docs/conformance.md, from a whole run only
"""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PAGE = ROOT / "docs" / "conformance.md"
GROUPS = {
    "SIG": "Signals of the browser",
    "COL": "Collecting a choice",
    "REC": "Records of choices",
    "WDR": "Withdrawal",
    "VER": "Versions and intervals",
    "CKE": "Cookies",
    "STO": "Storage, beacons and tags",
    "LOG": "The site log",
    "DSR": "Access and erasure",
    "TPD": "Third parties and disclosure",
    "JUR": "Places",
    "INT": "Interoperation",
    "A11": "Accessibility",
    "SEC": "Security",
}
"""First part of an id to the heading of its rows."""


@cache
def requirements() -> Mapping[str, Mapping[str, str]]:
    """Every requirement under its id."""
    rows = json.loads((TESTS / "requirements.json").read_text(encoding="utf-8"))
    return {row["id"]: row for row in rows}


# What the tests say of themselves ------------------------------------------------------------


@cache
def declared(folder: Path = TESTS) -> dict[str, list[str]]:
    """Every id that a test names, with ``file::test`` of each that does, read off the sources."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("test_*.py")):
        name = path.relative_to(folder).as_posix()
        for test, requirement in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            found[requirement].add(f"{name}::{test}")
    return {key: sorted(tests) for key, tests in found.items()}


def _marks(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Each test of a module with each id it names: by its own mark, its class's, its module's."""
    whole = [
        requirement
        for node in module.body
        if isinstance(node, ast.Assign) and _is_named(node, "pytestmark")
        for requirement in _ids(node.value)
    ]
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            shared = [*whole, *(found for mark in node.decorator_list for found in _ids(mark))]
            for inner in node.body:
                yield from _of_function(inner, shared, prefix=f"{node.name}::")
        else:
            yield from _of_function(node, whole)


def _of_function(
    node: ast.stmt, inherited: Iterable[str], *, prefix: str = ""
) -> Iterator[tuple[str, str]]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if not node.name.startswith("test_"):
        return
    own = [found for mark in node.decorator_list for found in _ids(mark)]
    yield from ((prefix + node.name, requirement) for requirement in (*inherited, *own))


def _is_named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _ids(node: ast.AST) -> Iterator[str]:
    """The arguments of every ``….requirement(…)`` inside an expression."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            if inner.func.attr != "requirement":
                continue
            yield from (str(given.value) for given in inner.args if isinstance(given, ast.Constant))


# What they did in a run ----------------------------------------------------------------------


@dataclass
class Run:
    """Outcomes of one run, by test function."""

    outcomes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """``file::test`` to ``passed``, ``failed``, ``skipped``, ``left out`` of its cases."""

    def note(self, nodeid: str, outcome: str) -> None:
        """Take in what became of one case."""
        self.outcomes[function_of(nodeid)].add(outcome)

    def open_tests(self, requirement: str) -> list[str]:
        """Tests that name it and did not pass whole, with why; empty and declared: proven."""
        found = []
        for test in declared().get(requirement, []):
            outcomes = self.outcomes.get(test, {"not run"})
            if outcomes != {"passed"}:
                found.append(f"{test}: {', '.join(sorted(outcomes - {'passed'}))}")
        return found

    def proves(self, requirement: str) -> bool:
        """Whether some test names it, and all that do passed."""
        return bool(declared().get(requirement)) and not self.open_tests(requirement)


def function_of(nodeid: str) -> str:
    """``file::test`` of a case, from the folder of the tests on."""
    return nodeid.partition("[")[0].removeprefix(f"{TESTS.name}/")


# The page ------------------------------------------------------------------------------------

_HEAD = """# Conformance

Written by `python -m pytest --write-requirements` from what a whole run did; do not edit.
A requirement is **proven** where every test that names it ran and passed, in that run; a test run
with `--requirements` fails where this page says more than it proves. `must` and `should` are meant
to be proven; `moonshot` is not promised. *Kind* N is the text of a law or specification, G guidance
of an authority or a court's decision, O a rule of this project. Sources are named to be looked up;
none of this is legal advice.
"""


def page(proven: Iterable[str]) -> str:
    """docs/conformance.md, where exactly those ids are proven."""
    proven = set(proven)
    rows = requirements()
    lines = [_HEAD, f"{len(proven)} of {len(rows)} requirements are proven.", ""]
    for group, title in GROUPS.items():
        lines += [f"## {title}", "", "| id | requirement | kind | source | proven by |"]
        lines.append("|---|---|---|---|---|")
        for key, row in rows.items():
            if key.partition("-")[0] == group:
                lines.append(_line(row, declared().get(key, []) if key in proven else []))
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _line(row: Mapping[str, str], tests: list[str]) -> str:
    proof = "<br>".join(
        f"[{test.rpartition('::')[2]}](../tests/{test.partition('::')[0]})" for test in tests
    )
    missing = f"**not yet** ({row['priority']})"
    cells = (row["id"], row["requirement"], row["kind"], row["source"], proof or missing)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def claimed(text: str) -> dict[str, list[str]]:
    """Every id that a page calls proven, with the tests it names for it."""
    found = {}
    for line in text.splitlines():
        cells = line.split(" | ")
        key = cells[0].removeprefix("| ")
        if key in requirements() and "**not yet**" not in cells[-1]:
            links = cells[-1].removesuffix(" |").split("<br>")
            found[key] = [
                f"{link.partition('](../tests/')[2].rstrip(')')}::{link[1:].partition(']')[0]}"
                for link in links
            ]
    return found


# Hooks; tests/conftest.py takes them in ------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("requirements")
    group.addoption(
        "--requirements",
        action="store_true",
        help="print which requirements the run proves; fail where docs/conformance.md says more",
    )
    group.addoption(
        "--write-requirements",
        action="store_true",
        help="write docs/conformance.md from the run, which must be whole",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Open the book of this run."""
    config.stash[_RUN] = Run()


_RUN = pytest.StashKey[Run]()


def check_ids(items: Iterable[pytest.Item]) -> None:
    """Refuse a mark that names no requirement.

    Raises:
        pytest.UsageError: with every such mark.
    """
    unknown = sorted(
        f"{function_of(item.nodeid)}: {key!r}"
        for item in items
        for mark in item.iter_markers("requirement")
        for key in (mark.args or ("",))
        if key not in requirements()
    )
    if unknown:
        raise pytest.UsageError(
            "not in tests/requirements.json: " + "; ".join(dict.fromkeys(unknown))
        )


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    """A case that was left out leaves its test open."""
    for item in items:
        item.config.stash[_RUN].note(item.nodeid, "left out")


class Reports:
    """Checks the marks and notes what became of each case, also where workers share a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Nothing runs while a mark names no requirement."""
        check_ids(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case has passed if its call did; whatever else goes wrong around it counts too."""
        if report.when == "call" or report.outcome != "passed":
            self._run.note(
                report.nodeid, "expected to fail" if _is_xfail(report) else report.outcome
            )


def _is_xfail(report: pytest.TestReport) -> bool:
    return hasattr(report, "wasxfail")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen to the reports."""
    session.config.pluginmanager.register(Reports(session.config.stash[_RUN]))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page, or fail where it says more than the run proves."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    run = config.stash[_RUN]
    if config.option.write_requirements:
        if _missing(run):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            PAGE.write_text(page(filter(run.proves, requirements())), encoding="utf-8")
    elif config.option.requirements and overstated(run):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing(run: Run) -> list[str]:
    """Tests that name a requirement and were not in the run at all."""
    known = {test for tests in declared().values() for test in tests}
    return sorted(
        test for test in known if run.outcomes.get(test, {"left out"}) & {"left out", "not run"}
    )


def overstated(run: Run, text: str | None = None) -> list[str]:
    """What docs/conformance.md, or another text of it, calls proven and the run does not prove."""
    page_text = PAGE.read_text(encoding="utf-8") if text is None else text
    return [key for key in claimed(page_text) if not run.proves(key)]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    run = config.stash[_RUN]
    write = terminalreporter.write_line
    if config.option.write_requirements and not config.option.collectonly:
        missing = _missing(run)
        write(
            f"docs/conformance.md is not written: the run left out {len(missing)} tests that prove "
            f"something, such as {missing[0]}"
            if missing
            else "docs/conformance.md is written"
        )
    if not config.option.requirements:
        return
    terminalreporter.section("requirements")
    for key, row in requirements().items():
        write(f"{_state(run, key, config):8} {key} {row['priority']:8} {row['requirement'][:90]}")
        for problem in [] if config.option.collectonly else run.open_tests(key):
            write(f"         {problem}")
    proven = sum(run.proves(key) for key in requirements())
    write(f"{proven} of {len(requirements())} proven by this run")
    if not config.option.collectonly and overstated(run):
        write(f"docs/conformance.md says more than this run proves: {', '.join(overstated(run))}")


def _state(run: Run, key: str, config: pytest.Config) -> str:
    if not declared().get(key):
        return "-"
    if config.option.collectonly:
        return "named"
    return "proven" if run.proves(key) else "open"
