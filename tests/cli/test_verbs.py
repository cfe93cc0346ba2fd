"""The command imports the verb that is called, so that every call begins at once."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import consentgate
from consentgate import cli
from consentgate.cli import ledger, log, main, rights
from consentgate.cli.examples import EXAMPLES
from consentgate.cli.verbs import Verb, parsed

PLAIN = (
    '203.0.113.7 - - [02/Oct/2026:13:03:36 +0000] "GET /a?b=1 HTTP/1.1" 200 2326 '
    '"https://news.example/a" "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0"\n'
)
OTHER_VERBS = {
    verb.home for verb in (*cli.VERBS.values(), *log.VERBS.values()) if verb.home != log.__name__
}
HEAVY = [
    "starlette",
    "pydantic",
    "tomllib",
    "ua_parser",
    "jinja2",
    "itsdangerous",
    "geoip2",
    "maxminddb",
    "pyarrow",
    "duckdb",
    "cryptography",
    "orjson",
    "asyncio",
    "multiprocessing",
    "concurrent",
]


def imported(*arguments: object) -> set[str]:
    """What a new process has imported when the command has run."""
    code = (
        "import sys\nfrom consentgate.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_imports_no_verb() -> None:
    """What the command can do is told without any of it."""
    assert not imported("--help") & {*OTHER_VERBS, *HEAVY, "consentgate.cli.log"}
    assert not imported("log", "--help") & {*OTHER_VERBS, *HEAVY}


def test_minimise_imports_what_it_needs(tmp_path: Path) -> None:
    """No other verb, no policy, no pool of processes before they are needed; what an agent is
    takes ua-parser."""
    source = tmp_path / "access.log"
    source.write_text(PLAIN)
    found = imported("log", "minimise", source, "--quiet", "--output", tmp_path / "out")
    assert found & OTHER_VERBS == {"consentgate.cli.log.minimise"}
    assert not found & {*HEAVY, "consentgate.asgi"} - {"ua_parser", "user_agents"}
    assert "ua_parser" in found


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        *(((name,), verb) for name, verb in cli.VERBS.items()),
        *((("log", name), verb) for name, verb in log.VERBS.items()),
        *((("rights", name), verb) for name, verb in rights.VERBS.items()),
    ],
)
def test_every_help_shows_examples_that_parse(words: tuple[str, ...], verb: Verb) -> None:
    """What the help shows is what the command takes."""
    shown = EXAMPLES[" ".join(words)]
    assert shown
    for line in shown:
        parsed(cli.VERBS, shlex.split(line.partition(" > ")[0]))


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """By the command, and by the package."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"consentgate {consentgate.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", consentgate.__version__)


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        *(((name,), verb) for name, verb in cli.VERBS.items()),
        *((("ledger", name), verb) for name, verb in ledger.VERBS.items()),
        *((("log", name), verb) for name, verb in log.VERBS.items()),
        *((("rights", name), verb) for name, verb in rights.VERBS.items()),
    ],
)
def test_every_verb_is_there(
    words: tuple[str, ...], verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each declares its arguments, says how it is called, and what for."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*words, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: consentgate {' '.join(words)} [-h]")
    assert verb.help in said
    assert callable(import_module(verb.home).run)
