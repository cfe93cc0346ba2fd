"""Measures ``log minimise`` beside anonip, in one run: ``python -m benchmarks.minimise``.

Two logs: ``site``, where most paths and referrers come again as on most sites, and ``hostile``, the
traffic of benchmarks/traffic.py, where two fifths of them are new in every line. The commands run
as anybody would start them, on the same file, in rounds that alternate; the processor's time
counts, user's and system's, of the whole process from its start, so with empty tables. Each starts
from compiled bytecode, as installers leave it, also where this environment writes none: a round
that does not count comes first. anonip shortens the address alone; what else stands in a line
stays. Its command hands on every line by itself; ``anonip, buffered`` is its library without that.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.traffic import Hit, Traffic, Visitor

LINES = 500_000
ROUNDS = 3
TARGET = 8.0
"""Times the lines a second of anonip."""
START = 1_790_000_000
ROUTES = (
    "/",
    "/articles/{slug}",
    "/products/{id}",
    "/users/{name}/orders/{id}",
    "/reset/{token}",
    "/call/{phone}",
    "/failing",
)
_BUFFERED = """
import sys, anonip
with open(sys.argv[1]) as lines, open(sys.argv[2], "w") as output:
    for line in anonip.Anonip().run(lines):
        print(line, file=output)
"""


def commands(source: Path, target: Path) -> dict[str, list[str]]:
    """Each program's name, and its command that reads the one file and writes the other."""
    files = str(source), str(target)
    ours = ["log", "minimise", files[0], "--output", files[1], "--quiet", "--host", "shop.example"]
    routes = [word for route in ROUTES for word in ("--route", route)]
    return {
        "anonip": ["-m", "anonip", "--input", files[0], "--output", files[1]],
        "anonip, buffered": ["-c", _BUFFERED, *files],
        "minimise": ["-m", "consentgate", *ours, *routes],
    }


_REFERRERS = ("", "", "https://shop.example/", "https://www.google.com/", "https://t.example/x")
_SIZES = (512, 1_834, 4_096, 9_120, 23_551, 48_046)


def hostile(lines: int, planted: set[str]) -> Iterator[str]:
    """Lines of the shared traffic, a second of the day for each hundred."""
    traffic = Traffic()
    for number, hit in enumerate(traffic.hits(lines)):
        yield _stamped(hit.line, number)
    planted |= traffic.planted


def site(lines: int, planted: set[str]) -> Iterator[str]:
    """The same visitors on pages that come again; one line in a hundred holds an e-mail address."""
    draw, traffic = random.Random(6), Traffic()
    visitors: list[Visitor] = [hit.visitor for hit in traffic.hits(lines)]
    weights = [1 / (rank + 1) for rank in range(9_000)]
    pages = draw.choices(range(9_000), weights, k=lines)
    for number, (visitor, page) in enumerate(zip(visitors, pages, strict=True)):
        is_planted = draw.random() < 0.01
        email = f"anna.adler{number}@mail.example"
        if is_planted:
            planted.add(email)
        hit = Hit(
            *(visitor, "GET", "/articles/{slug}", f"/articles/topic-{page}" if page else "/"),
            query=f"email={email}" if is_planted else "",
            referrer=draw.choice(_REFERRERS),
            status=304 if page % 9 == 4 else 200,
            size=_SIZES[page % len(_SIZES)],
            duration_us=0,
        )
        yield _stamped(hit.line, number)


def _stamped(line: str, number: int) -> str:
    """The line with a moment of its own: a hundred in a second."""
    moment = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(START + number // 100))
    return line.replace("24/Nov/2026:21:05:33", moment, 1)


def seconds(command: list[str], bytecode: Path) -> float:
    """Processor time of a command, from its start to its end; bytecode is kept in that folder."""
    settings = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, env=settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def left(planted: set[str], path: Path) -> int:
    """How many lines still hold a planted item."""
    with path.open(encoding="utf-8") as lines:
        return sum(any(word in planted for word in _words(line)) for line in lines)


def _words(line: str) -> list[str]:
    for mark in '"/?&= ;':
        line = line.replace(mark, "\n")
    return line.split("\n")


def main() -> None:
    """Print what each program takes, their ratio, and what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--log", choices=("site", "hostile"), help="this one alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for make in (site, hostile):
            if options.log not in (None, make.__name__):
                continue
            source = Path(folder, "access.log")
            planted: set[str] = set()
            with source.open("w", encoding="utf-8") as log:
                log.writelines(f"{line}\n" for line in make(options.lines, planted))
            _compare(make.__name__, source, planted, options.lines, options.rounds)


def _compare(name: str, source: Path, planted: set[str], lines: int, rounds: int) -> None:
    target = source.with_name("minimised.log")
    taken: dict[str, list[float]] = {}
    kept: dict[str, int] = {}
    for number in range(rounds + 1):
        for program, command in commands(source, target).items():
            target.unlink(missing_ok=True)
            took = seconds(command, source.with_name("bytecode"))
            if number == 0:
                kept[program] = left(planted, target)
            else:
                taken.setdefault(program, []).append(took)
    print(f"{name}: {lines:,} lines, median of {rounds} rounds")
    medians = {program: statistics.median(times) for program, times in taken.items()}
    ours = medians["minimise"]
    for program, median in medians.items():
        print(
            f"  {program:16} {median:7.2f} s {lines / median:9,.0f} lines/s, "
            f"minimise is {median / ours:4.1f} times as fast, "
            f"{kept[program]:6} lines hold a planted item"
        )
    print(f"  target: {TARGET} times anonip")


if __name__ == "__main__":
    main()
