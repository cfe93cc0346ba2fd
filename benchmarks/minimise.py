"""Measures ``log minimise`` beside anonip, in one run: ``python -m benchmarks.minimise``.

Two logs: ``site``, where most paths and referrers come again as on most sites, and ``hostile``, the
traffic of benchmarks/traffic.py, where two fifths of them are new in every line. Both programs read
the same file and write another; rounds alternate, and the processor's time counts, of one process,
with empty tables each time. anonip shortens the address alone; what else stands in a line stays.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anonip

from benchmarks.traffic import Hit, Traffic, Visitor
from consentgate.cli.log.minimising import Plan, Worker, minimised
from consentgate.gates.foreign_columns import Site
from consentgate.gates.foreign_lines import Reading
from consentgate.log.foreign_files import file_blocks

LINES = 200_000
ROUNDS = 5
TARGET = 8.0
"""Times the lines a second of anonip."""
START = 1_790_000_000
SITE = Site(
    hosts=frozenset(("shop.example",)),
    routes=(
        "/",
        "/articles/{slug}",
        "/products/{id}",
        "/users/{name}/orders/{id}",
        "/reset/{token}",
        "/call/{phone}",
        "/failing",
    ),
)
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


def with_anonip(source: Path, target: Path) -> None:
    """As anonip's own command does it."""
    with source.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as output:
        for line in anonip.Anonip().run(lines):
            print(line, file=output)


def with_minimise(source: Path, target: Path) -> None:
    """As ``log minimise`` does it in one process, with nothing remembered."""
    plan = Plan(SITE, Reading())
    with target.open("wb") as output:
        for done in minimised(file_blocks(source), Worker(plan), plan, 1):
            assert not done.dropped
            output.write(done.lines)


def seconds(work: Callable[[Path, Path], None], source: Path, target: Path) -> float:
    """Processor time of one pass over the file."""
    started = time.process_time()
    work(source, target)
    return time.process_time() - started


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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for make in (site, hostile):
            source = Path(folder, "access.log")
            planted: set[str] = set()
            with source.open("w", encoding="utf-8") as log:
                log.writelines(f"{line}\n" for line in make(options.lines, planted))
            _compare(make.__name__, source, planted, options.lines, options.rounds)


def _compare(name: str, source: Path, planted: set[str], lines: int, rounds: int) -> None:
    targets = [source.with_name("anonip.log"), source.with_name("minimised.jsonl")]
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for taken, work, target in zip(times, (with_anonip, with_minimise), targets, strict=True):
            taken.append(seconds(work, source, target))
    theirs, ours = (statistics.median(taken) for taken in times)
    kept = [left(planted, target) for target in targets]
    print(f"{name}: {lines:,} lines, {rounds} rounds")
    print(f"  anonip    {lines / theirs:9,.0f} lines/s, {kept[0]:6} lines hold a planted item")
    print(f"  minimise  {lines / ours:9,.0f} lines/s, {kept[1]:6} lines hold a planted item")
    print(f"  ratio {theirs / ours:.1f}, target {TARGET}")


if __name__ == "__main__":
    main()
