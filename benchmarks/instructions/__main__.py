"""Owns the command and its tables. Never knows how instructions are counted.

``python -m benchmarks.instructions`` counts the instructions that a request takes (valgrind's
callgrind), in process, through ``ConsentGate`` alone. Every figure is what a middleware *adds* to
the same bare app, in instructions and as a share of what Starlette's SessionMiddleware adds with a
session loaded and read. Counts hold within a percent from run to run, however busy the machine is.
What other threads do for the request is counted with it. Not counted: what the kernel does in
system calls, and the garbage collector, which stands still.

``--quick`` counts the rows that tests hold to their limits (``limits.json``). ``--growth`` sends
requests whose every value is new, and prints how memory and cost grow from the 50,000th on.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.instructions.callgrind import CallgrindError, counted
from benchmarks.instructions.counted import EMPTY
from benchmarks.instructions.growth import grow
from benchmarks.instructions.rows import BARE, LIMITS, SESSION, Row, chosen, limits

SLACK = 0.05
"""So much over its limit a row may be: instructions vary between machines, a little."""


@dataclass(frozen=True)
class Result:
    """What one row adds to a request."""

    row: Row
    whole: float
    """Instructions a request, the app's own among them."""
    added: float
    """Of them, those beyond the row that is taken off."""
    share: float
    """``added`` as a share of what SessionMiddleware adds."""

    @property
    def limit(self) -> float | None:
        """The largest share it may have, from ``limits.json``."""
        return limits().get(self.row.key)

    @property
    def is_over(self) -> bool:
        """Whether it is over its limit by more than the slack."""
        return self.limit is not None and self.share > self.limit * (1 + SLACK)


def measure(*, quick: bool = False) -> list[Result]:
    """Count every row of a run.

    Raises:
        CallgrindError: valgrind or a compiler is missing, or the counted process failed.
    """
    rows = chosen(quick=quick)
    counts = counted("benchmarks.instructions.counted", *(["--quick"] if quick else []))
    empty = counts[EMPTY]
    whole = {row.key: (counts[row.key] - empty) / row.requests for row in rows}
    added = {row.key: whole[row.key] - _taken_off(row, whole) for row in rows}
    return [
        Result(row, whole[row.key], added[row.key], added[row.key] / added[SESSION]) for row in rows
    ]


def _taken_off(row: Row, whole: dict[str, float]) -> float:
    return 0.0 if row.key.startswith(BARE) else whole[row.without or BARE + row.path]


def show(results: list[Result]) -> None:
    """Print the table."""
    print(f"Python {platform.python_version()}, Starlette {version('starlette')}")
    print(f"{'instructions a request':<50}{'whole':>11}{'adds':>11}{'share':>7}{'limit':>7}")
    for result in results:
        line = f"{result.row.name:<50}{result.whole:>11,.0f}"
        if not result.row.key.startswith(BARE):
            line += f"{result.added:>11,.0f}{result.share:>7.2f}"
        if result.limit is not None:
            line += f"{result.limit:>7.2f}{'  OVER' if result.is_over else ''}"
        print(line)


def write_limits(results: list[Result]) -> None:
    """Make today's shares the limits."""
    session = next(result for result in results if result.row.key == SESSION)
    found = {
        "measured with": {
            "python": platform.python_version(),
            "starlette": version("starlette"),
            "SessionMiddleware adds": round(session.added),
        },
        "shares": {
            result.row.key: round(result.share, 3)
            for result in results
            if not result.row.key.startswith((BARE, SESSION))
        },
    }
    LIMITS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Print one table; 1 where a row is over its limit, 2 where nothing can be counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the rows that tests guard")
    parser.add_argument("--write-limits", action="store_true", help="make the shares the limits")
    parser.add_argument("--growth", action="store_true", help="requests whose every value is new")
    parser.add_argument("--requests", type=int, default=200_000, help="of --growth, how many")
    options = parser.parse_args(arguments)
    if options.write_limits and options.quick:
        parser.error("--write-limits needs every row: leave out --quick")
    if options.growth:
        return grow(options.requests)
    results = measure(quick=options.quick)
    if options.write_limits:
        write_limits(results)
    show(results)
    return 1 if any(result.is_over for result in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CallgrindError as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
