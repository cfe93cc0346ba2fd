"""The standing test as a table: ``python -m benchmarks.standing [--write] [WORD ...]``.

Every snippet of ``tests/corpora/snippets``, or those whose key holds a WORD, several on a page,
in every mode, with script and without, in every state. ``--sample`` takes the services that sites
meet most; ``--modes`` takes some of the modes, such as ``off/shared``; ``--write`` puts the table
into docs/beacons.md. Chromium and openssl are needed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.standing.judging import Fault
from benchmarks.standing.running import Judged, judged, world
from benchmarks.standing.sample import SAMPLE
from benchmarks.standing.site import MODES, Mode, published
from benchmarks.standing.visits import ALL

PAGE = Path(__file__).parents[2] / "docs" / "beacons.md"
BEGIN, END = "<!-- standing test: begin -->", "<!-- standing test: end -->"
_LEAKS = ("request", "handshake", "attempt", "stored")
_SERVICES_A_PAGE = 12


def batches(keys: list[str], size: int) -> Iterator[list[str]]:
    """Several services on a page; a fault is told apart by its host."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def cell(found: Iterable[Judged]) -> str:
    """What leaked, and what of the granted stayed away: ``0 / 0`` is as it must be."""
    faults = [fault for one in found for fault in one.faults]
    leaks = sum(fault.kind in _LEAKS for fault in faults)
    return f"{leaks} / {len(faults) - leaks}"


def table(found: list[Judged], modes: Iterable[Mode]) -> Iterator[str]:
    """The table in Markdown."""
    yield f"| `csp`, `cache` | script | {' | '.join(ALL)} |"
    yield "|---|---|" + "---|" * len(ALL)
    for mode in modes:
        for has_script in (True, False):
            row = [
                one for one in found if (one.case.mode, one.case.has_script) == (mode, has_script)
            ]
            cells = [cell(one for one in row if one.case.state == state) for state in ALL]
            script = "yes" if has_script else "no"
            yield f"| `{mode.csp}`, `{mode.cache}` | {script} | {' | '.join(cells)} |"


def said(one: Judged, fault: Fault) -> str:
    """One fault in a line."""
    mode = one.case.mode
    script = "script" if one.case.has_script else "no script"
    where = f"{mode.csp}/{mode.cache}, {script}, {one.case.state}"
    return f"{fault.kind}: {fault.service or 'undeclared'}: {fault.what[:160]} ({where})"


def write(lines: Iterable[str]) -> None:
    """Put the table into the page, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join((BEGIN, *lines, END))
    PAGE.write_text(before + body + after, encoding="utf-8")


def arguments() -> argparse.Namespace:
    """What the command is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of keys of services")
    parser.add_argument("--sample", action="store_true", help="only what sites meet most")
    parser.add_argument("--modes", default="", help="such as enforce/shared,off/per-visitor")
    parser.add_argument("--size", type=int, default=_SERVICES_A_PAGE, help="services on a page")
    parser.add_argument("--write", action="store_true", help="put the table into docs/beacons.md")
    return parser.parse_args()


def main() -> int:
    """Print the faults as they are found, then the table."""
    asked = arguments()
    absent = [name for name in ("chromium", "openssl") if shutil.which(name) is None]
    if absent:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
        return 2
    keys = list(SAMPLE) if asked.sample else published()
    keys = [key for key in keys if not asked.words or any(word in key for word in asked.words)]
    names = {f"{mode.csp}/{mode.cache}": mode for mode in MODES}
    modes = [names[name] for name in asked.modes.split(",")] if asked.modes else list(MODES)
    found: list[Judged] = []
    started = time.monotonic()
    executable = shutil.which("chromium") or ""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        world(Path(folder), playwright.chromium, executable) as here,
    ):
        for batch in batches(keys, asked.size):
            for one in judged(here, batch, modes=modes):
                found.append(one)
                for fault in one.faults:
                    print(said(one, fault), flush=True)
            print(f"# {batch[-1]}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    lines = list(table(found, modes))
    print(f"\n{len(keys)} services, {len(found)} judgements\n", *lines, sep="\n")
    if asked.write:
        write(lines)
    return 1 if any(one.faults for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
