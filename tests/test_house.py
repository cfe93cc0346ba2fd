"""The house itself: floors, purity, names, settings, size, and what the wheel carries.

Every rule is a table here; a failure says which table to change, or what to move instead.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import consentgate
from consentgate.cli.schema import policy_schema

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "consentgate"

FLOORS = {
    "errors": 0,
    "memo": 0,
    "data": 0,
    "domain": 1,
    "formats": 2,
    "gates": 3,
    "imported_logs": 4,
    "ledger": 4,
    "lookup": 4,
    "log": 4,
    "rights": 4,
    "asgi": 5,
    "report": 5,
    "cli": 7,
    "telemetry": 6,
    "insights": 6,
    "testing": 6,
    "__init__": 8,
    "__main__": 8,
}
"""Room to floor. Imports go to the same room or to a lower floor, never sideways or up."""

PURE_FLOORS = range(4)
"""No clock, no randomness, no environment, no I/O, no logging: all of it is handed in."""

IMPURE = frozenset(
    [
        "asyncio",
        "builtins",
        "concurrent",
        "ctypes",
        "fcntl",
        "ftplib",
        "getpass",
        "glob",
        "http",
        "importlib",
        "io",
        "locale",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "pickle",
        "platform",
        "queue",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
        "warnings",
        "zoneinfo",
    ]
)
"""Modules that reach outside the program."""

PURE_PARTS = {
    "socket": {"inet_pton", "inet_ntop", "AF_INET", "AF_INET6"},
    "time": {"gmtime", "strftime"},
}
"""What of them only computes."""

IMPURE_CALLS = frozenset(("open", "print", "input", "exec", "eval", "breakpoint"))
IMPURE_METHODS = frozenset(("now", "utcnow", "today"))
"""``datetime.now()`` and its like: the time is an argument."""

FOREIGN = {
    "errors": set(),
    "memo": set(),
    "data": set(),
    "domain": set(),
    "formats": {"itsdangerous", "pydantic", "cryptography"},
    "gates": set(),
    "imported_logs": {"orjson", "zstandard"},
    "ledger": {"psycopg", "cryptography"},
    "lookup": {"maxminddb", "geoip2", "ua_parser", "user_agents"},
    "log": {"orjson", "duckdb", "pyarrow", "zstandard", "cryptography"},
    "rights": set(),
    "asgi": {"starlette", "jinja2", "markupsafe"},
    "report": {"duckdb", "pyarrow", "jinja2", "markupsafe", "orjson"},
    "cli": {
        "uvicorn",
        "duckdb",
        "pyarrow",
        "cryptography",
        "maxminddb",
        "zstandard",
        "playwright",
    },
    "telemetry": {"opentelemetry"},
    "insights": {"starlette", "markupsafe"},
    "testing": {"starlette"},
    "__init__": set(),
    "__main__": set(),
}
"""Room to the libraries it may know: a framework in the domain would be the end of it."""

MOST_CODE_LINES = 300
LARGER = {
    "asgi/pages/templates.py": 420,
    "formats/policy/reader.py": 560,
    "gates/answer.py": 320,
}
"""Files that are one table or one page too many to split well; everything else stays small."""
MOST_FUNCTION_LINES = 60
MOST_FILES = 12
"""Of one folder, ``__init__`` not counted."""

WRITTEN = {
    "log/writing/server_loggers.py: record.args": "logging's own way to change a record",
    "log/writing/server_loggers.py: record.msg": "logging's own way to change a record",
}
"""Attributes that are set on what another file made, and why they may be."""

OTHER_MEMORIES = {
    "log/writing/background.py: self._wake.clear": "an event that two threads share",
    "ledger/proof/integrator.py: self._wake.clear": "an event that two threads share",
    "asgi/startup/policy_file.py: lru_cache": "a constant: the one shipped table",
    "lookup/third_parties.py: lru_cache": "a constant: the one shipped table",
    "formats/html/plain_tokens.py: self.passed.clear": "a buffer that was handed on",
}
"""What looks like a memory of answers beside ``memo.py``, and why it may stand."""

EMPTY_NAMES = frozenset(("utils", "util", "helpers", "helper", "common", "manager", "base", "misc"))
"""Module names that say nothing."""

EXPORTED = {
    "Consent",
    "ConsentGate",
    "ConsentRequired",
    "ConsentState",
    "Policy",
    "Reason",
    "get_consent",
    "privacy_context",
    "require",
}
"""What a user imports from ``consentgate``; a new name is documented first."""

AWAITED: dict[str, set[str]] = {}
"""Keys of the policy whose part is being built; a key leaves this table when docs/policy.md tells
what it does."""


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, at any depth of the code."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute here"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def own_room(dotted: str) -> str | None:
    """The room of ``consentgate`` that a dotted name lies in; None for other packages."""
    parts = dotted.split(".")
    if parts[0] != "consentgate":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def docstring_lines(node: ast.AST) -> set[int]:
    return {
        line
        for inner in ast.walk(node)
        if isinstance(inner, ast.Expr)
        and isinstance(inner.value, ast.Constant)
        and isinstance(inner.value.value, str)
        for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    }


def code_lines(path: Path, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines that are neither blank, comment nor docstring."""
    text = path.read_text(encoding="utf-8").splitlines()
    is_whole = isinstance(node, ast.Module)
    span = range(1, len(text) + 1) if is_whole else range(node.lineno, node.end_lineno + 1)
    silent = docstring_lines(node)
    return sum(
        1
        for line in span
        if line not in silent and text[line - 1].strip() and text[line - 1].strip()[0] != "#"
    )


def test_every_room_has_a_floor() -> None:
    """A new room or top-level module is put on a floor first."""
    unknown = {room_of(path) for path in sources()} - set(FLOORS)
    assert not unknown, f"put {sorted(unknown)} on a floor: FLOORS and FOREIGN in {__file__}"


def test_imports_go_down() -> None:
    """Rooms on one floor do not know each other, and no room knows one above it."""
    wrong = []
    for path in sources():
        room = room_of(path)
        for line, dotted in imports(path):
            target = own_room(dotted)
            if target is None or target == room or FLOORS[target] < FLOORS[room]:
                continue
            wrong.append(
                f"consentgate/{name_of(path)}:{line}: {room} (floor {FLOORS[room]}) imports "
                f"{dotted} ({target}, floor {FLOORS[target]}); hand the value down from asgi/ or "
                "cli/, or move what both need to a lower floor"
            )
    assert not wrong, "\n".join(wrong)


def test_the_package_stands_alone() -> None:
    """Shipped code imports neither the tests nor what stands beside the package."""
    beside = {"tests", "examples", "benchmarks", "scripts"}
    wrong = [
        f"consentgate/{name_of(path)}:{line}: imports {dotted}"
        for path in sources()
        for line, dotted in imports(path)
        if dotted.partition(".")[0] in beside
    ]
    assert not wrong, "\n".join(wrong)


def test_rooms_know_only_their_libraries() -> None:
    """Each third-party library has its rooms; the domain has none."""
    wrong = []
    for path in sources():
        room = room_of(path)
        for line, dotted in imports(path):
            library = dotted.partition(".")[0]
            if library == "consentgate" or library in sys.stdlib_module_names:
                continue
            if library not in FOREIGN[room]:
                wrong.append(
                    f"consentgate/{name_of(path)}:{line}: {room} may not know {library}; "
                    f"it may know {sorted(FOREIGN[room]) or 'no library'} (FOREIGN in {__file__})"
                )
    assert not wrong, "\n".join(wrong)


def impurities(path: Path) -> Iterator[str]:
    """What in a file of the pure floors reaches outside, with its line."""
    for line, dotted in imports(path):
        module = next((m for m in (dotted, dotted.rpartition(".")[0]) if m in IMPURE), None)
        root = dotted.partition(".")[0]
        if module is None and root not in IMPURE:
            continue
        if root in PURE_PARTS and dotted.partition(".")[2] in {"", *PURE_PARTS[root]}:
            continue
        yield f"{line}: imports {dotted}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in IMPURE_CALLS:
                yield f"{node.lineno}: calls {node.func.id}()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            allowed = PURE_PARTS.get(node.value.id)
            if allowed is not None and node.attr not in allowed:
                yield f"{node.lineno}: uses {node.value.id}.{node.attr}"
            if node.attr in IMPURE_METHODS and node.value.id in ("datetime", "date", "dt"):
                yield f"{node.lineno}: reads the clock with {node.value.id}.{node.attr}"


def test_the_low_floors_are_pure() -> None:
    """Floors 0 to 3 have no clock, no randomness, no environment and no I/O."""
    wrong = [
        f"consentgate/{name_of(path)}:{impurity}; make it an argument"
        for path in sources()
        if FLOORS[room_of(path)] in PURE_FLOORS
        for impurity in impurities(path)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    [
        "import time\nx = time.time()",
        "from time import time",
        "import os",
        "import os.path",
        "from pathlib import Path",
        "import random",
        "from urllib.request import urlopen",
        "import importlib.resources",
        "import socket\nx = socket.create_connection(('h', 1))",
        "from datetime import datetime\nx = datetime.now()",
        "x = open('f')",
    ],
)
def test_an_impure_line_is_seen(line: str, tmp_path: Path) -> None:
    """The check itself can fail: each of these lines is impure."""
    file = tmp_path / "x.py"
    file.write_text(line, encoding="utf-8")
    assert list(impurities(file))


def memories(path: Path) -> Iterator[str]:
    """What in a file looks like a memory of answers that is not a ``Memo``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "functools":
            yield from (alias.name for alias in node.names if alias.name == "lru_cache")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "functools.lru_cache":
            yield "lru_cache"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from (ast.unparse(node.func),) if node.func.attr in ("clear", "popitem") else ()


def test_there_is_one_memory() -> None:
    """Answers are remembered by ``Memo`` alone, which is bounded and never thrown away whole."""
    found = {
        f"{name_of(path)}: {memory}"
        for path in sources()
        if name_of(path) != "memo.py"
        for memory in memories(path)
    }
    new, gone = found - set(OTHER_MEMORIES), set(OTHER_MEMORIES) - found
    assert not new, f"use consentgate.memo, or say why not in OTHER_MEMORIES: {sorted(new)}"
    assert not gone, f"take out of OTHER_MEMORIES: {sorted(gone)}"


@pytest.mark.parametrize(
    "line",
    [
        "from functools import cache, lru_cache",
        "import functools\n@functools.lru_cache(maxsize=9)\ndef f(x): ...",
        "def f(x):\n    if len(known) > 9:\n        known.clear()",
        "class A:\n    def f(self):\n        self._known.clear()",
        "self._known.popitem()",
    ],
)
def test_another_memory_is_seen(line: str, tmp_path: Path) -> None:
    """The check itself can fail: each of these lines is a memory of its own."""
    file = tmp_path / "x.py"
    file.write_text(line, encoding="utf-8")
    assert list(memories(file))


def module_of(path: Path) -> str:
    """The dotted name by which a file is imported."""
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def imported_modules(path: Path, known: set[str]) -> set[str]:
    """The package's modules that a file imports anywhere, for types too."""
    found = set()
    for _, dotted in imports(path):
        parent = dotted.rpartition(".")[0]
        found |= {name for name in (dotted, parent) if name in known}
        if dotted in known:
            found.discard(parent)
    return found - {module_of(path)}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports; empty: there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_make_no_circle() -> None:
    """Not at import time and not for types: what two files need of each other is a third file."""
    known = {module_of(path) for path in sources()}
    graph = {module_of(path): imported_modules(path, known) for path in sources()}
    assert circle_in(graph) == []


def test_a_circle_is_seen() -> None:
    """The check itself can fail."""
    assert set(circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_folders_stay_small() -> None:
    """A room holds at most twelve files; a larger one is several rooms."""
    count = Counter(path.parent for path in sources() if path.name != "__init__.py")
    large = {folder.name: number for folder, number in count.items() if number > MOST_FILES}
    assert large == {}


def written_elsewhere(path: Path) -> Iterator[str]:
    """Attributes that a function sets on what it was handed, unless the class is in the file."""
    own = {node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}
    for function in ast.walk(tree(path)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        handed = {
            one.arg
            for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            if one.arg not in ("self", "cls") and _class_named(one.annotation) not in own
        }
        looped = {
            name.id
            for node in ast.walk(function)
            if isinstance(node, ast.For)
            for name in ast.walk(node.target)
            if isinstance(name, ast.Name)
        }
        for node in ast.walk(function):
            is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
            if is_set and isinstance(node.value, ast.Name) and node.value.id in handed | looped:
                yield f"{name_of(path)}: {ast.unparse(node)}"


def _class_named(annotation: ast.expr | None) -> str:
    text = ast.unparse(annotation) if annotation is not None else ""
    return text.strip("'\"").partition("[")[0].partition(" |")[0]


def test_nobody_writes_into_what_another_file_made() -> None:
    """A function returns what it found; it sets no attribute of an object that it was handed."""
    found = {one for path in sources() for one in written_elsewhere(path)}
    new, gone = found - set(WRITTEN), set(WRITTEN) - found
    assert not new, f"return a value instead, or say why not in WRITTEN: {sorted(new)}"
    assert not gone, f"take out of WRITTEN: {sorted(gone)}"


@pytest.mark.parametrize(
    "line",
    [
        "def f(visit: Visit): visit.status = 200",
        "def f(visits):\n    for one in visits:\n        one.status = 200",
        "def f(visit): visit.bytes_out += 1",
        "async def f(visit): del visit.status",
    ],
)
def test_writing_elsewhere_is_seen(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself can fail: each of these lines writes into what it was handed."""
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    file = tmp_path / "x.py"
    file.write_text(line, encoding="utf-8")
    assert list(written_elsewhere(file))


def aliases(path: Path) -> Iterator[tuple[str, str]]:
    """Name and meaning of every type that a file gives a name, and of its spans of time."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, ast.unparse(node.value)
            if isinstance(node.value, ast.Subscript) or name.endswith("DAY_SECONDS"):
                yield name, value


def test_no_alias_is_defined_twice() -> None:
    """A type has one name and one place; who needs it imports it."""
    places: dict[tuple[str, str], list[str]] = {}
    for path in sources():
        for alias in aliases(path):
            places.setdefault(alias, []).append(name_of(path))
    twice = {alias: files for alias, files in places.items() if len(files) > 1}
    assert twice == {}


def test_files_and_functions_stay_small() -> None:
    """A file fits in a head, a function on a screen."""
    wrong = []
    for path in sources():
        most = LARGER.get(name_of(path), MOST_CODE_LINES)
        size = code_lines(path, tree(path))
        if size > most:
            wrong.append(f"consentgate/{name_of(path)}: {size} lines of code, at most {most}")
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = code_lines(path, node)
            if length > MOST_FUNCTION_LINES:
                wrong.append(f"consentgate/{name_of(path)}:{node.lineno}: {node.name} {length}")
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_owns() -> None:
    """A module has a docstring and a name that says something."""
    for path in sources():
        assert ast.get_docstring(tree(path)), f"consentgate/{name_of(path)}: no docstring"
        assert path.stem not in EMPTY_NAMES, f"consentgate/{name_of(path)}: name it after its thing"


def texts_of_the_project() -> Iterator[Path]:
    for folder in ("consentgate", "docs", "examples", "benchmarks", "static", "scripts", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".js", ".css", ".html", ".toml"):
                yield path
    yield from ROOT.glob("*.md")
    yield from (ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run")


LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|/work/|/tmp/(wt|team|venv)")
BARE_SILENCE = re.compile(r"#\s*noqa\s*($|[^:\s])|#\s*type:\s*ignore\s*($|[^\[\s])")


def test_nothing_is_left_over() -> None:
    """No promises in comments, no paths of one machine, no silenced check without its code."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in texts_of_the_project()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LEFT_OVER.search(line) or BARE_SILENCE.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_exported_names() -> None:
    """What a user may import is exactly the list, and each of it is there."""
    assert set(consentgate.__all__) == EXPORTED
    for name in EXPORTED:
        assert getattr(consentgate, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Cookie'"):
        _ = consentgate.Cookie


def documented_keys() -> dict[str, set[str]]:
    """Table of the policy to its keys, as docs/policy.md names them; "" is the top level."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "policy.md").read_text(encoding="utf-8").splitlines():
        cell = line.split("|")[1] if line.startswith("| `") else ""
        table = re.match(r" `\[([a-z]+)[^\]`]*\]`", cell)
        names = set(re.findall(r"`([a-z_]+)`|KEY\.([a-z]+)", cell))
        found.setdefault(table[1] if table else "", set()).update(a or b for a, b in names)
    return found


def schema_keys() -> Iterator[tuple[str, str]]:
    """Every key that a policy may hold, with the table it stands in."""
    schema = json.loads((PACKAGE / "data" / "policy.schema.json").read_text(encoding="utf-8"))
    for key, shape in schema["properties"].items():
        named = re.search(r'"#/\$defs/(\w+)"', json.dumps(shape))
        if named is None:
            yield ("", key)
        else:
            yield from ((key, inner) for inner in schema["$defs"][named[1]]["properties"])


@pytest.mark.parametrize(("table", "key"), list(schema_keys()))
def test_every_setting_is_documented(table: str, key: str) -> None:
    """Whatever a policy may say, docs/policy.md says what it means."""
    known = documented_keys()
    if key in AWAITED.get(table, ()):
        return
    is_known = key in known.get(table, ()) or (not table and key in known)
    assert is_known, f"[{table}] {key} has no row in docs/policy.md"


def test_the_schema_is_fresh() -> None:
    """The shipped JSON Schema is the one that the check uses."""
    shipped = json.loads((PACKAGE / "data" / "policy.schema.json").read_text(encoding="utf-8"))
    assert shipped == policy_schema(), (
        "run: python -m consentgate schema > consentgate/data/policy.schema.json"
    )


def test_every_fault_is_documented() -> None:
    """Each fault id in the code has its row in docs/policy.md, and the other way round."""
    docs = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| (CG\d{3})", docs, re.MULTILINE))
    raised = {
        found
        for path in sources()
        for found in re.findall(r'"(CG\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert raised == documented


def test_every_environment_variable_is_documented() -> None:
    """README.md or docs/ names each variable that the code reads."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    docs = "".join(page.read_text(encoding="utf-8") for page in pages)
    read = {
        found
        for path in sources()
        for found in re.findall(r'"(CONSENTGATE_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert read
    assert {name for name in read if name not in docs} == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel that a release would carry."""
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_what_the_package_reads(wheel: set[str]) -> None:
    """Every module and every data file of the checkout, and the two assets."""
    wanted = {
        f"consentgate/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".c"
    }
    assert {"consentgate/data/policy.schema.json", "consentgate/py.typed"} < wanted
    assert any(name.startswith("consentgate/data/texts/") for name in wanted)
    assert any(name.startswith("consentgate/data/templates/") for name in wanted)
    assert (
        wanted | {f"consentgate/static/{path.name}" for path in (ROOT / "static").glob("*.*")}
        <= wheel
    )


def test_the_wheel_carries_nothing_else(wheel: set[str]) -> None:
    """No tests, no examples, nothing that was written while trying out."""
    strangers = [name for name in wheel if not re.match(r"consentgate(-[\d.]+\.dist-info)?/", name)]
    assert not strangers
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


HEAVY = ("pydantic", "jinja2", "geoip2", "maxminddb", "user_agents", "ua_parser", "sqlite3")


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import consentgate", (*HEAVY, "starlette", "itsdangerous", "asyncio")),
        ("from consentgate import Consent, get_consent, require", HEAVY),
        ("from consentgate import ConsentGate", HEAVY),
    ],
)
def test_importing_is_cheap(statement: str, absent: tuple[str, ...]) -> None:
    """Heavy libraries are imported when they are first needed, not with the package."""
    code = f"import sys\n{statement}\nprint(*sorted(set({absent!r}) & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""
