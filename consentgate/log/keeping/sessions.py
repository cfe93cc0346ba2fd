"""Owns visits as a whole: pages, length, where they begin and end, summed up before names go.

A visit is what one visitor of a day reads without a pause of half an hour, and begins anew where
the browser says that it comes from elsewhere. Only who granted statistics is in it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from consentgate.domain.kinds import PAGE, is_seen
from consentgate.log.counts.counter_file import OTHER
from consentgate.log.keeping.day_files import format_of, whole
from consentgate.log.keeping.rollups import SMALL_CELL, mark_of
from consentgate.log.keeping.segment_lines import Row
from consentgate.log.writing.layout import write_durably

PAUSE_MINUTES = 30
PAGE_STEPS = ((1, "1"), (2, "2"), (3, "3"), (5, "4-5"), (10, "6-10"), (20, "11-20"))
MINUTE_STEPS = ((0, "under 1"), (2, "1-2"), (5, "3-5"), (10, "6-10"), (30, "11-30"))
Sums = Counter[tuple[str, str]]
"""Dimension and value to how many visits: ``sessions``, ``pages``, ``minutes``, ``entry``,
``exit``, ``bounce`` (by the page it was) and ``way`` (entry and exit, a tab between)."""


class Page(NamedTuple):
    """One page that a visitor read, as far as a row says it."""

    visitor: str
    minute: int
    """Since the epoch."""
    is_entry: bool
    route: str
    prev: str = ""


def pages_in(rows: Iterable[Row]) -> Iterable[Page]:
    """The pages that named visitors read."""
    for row in rows:
        if "visitor" in row and row.get("kind") == PAGE and is_seen(row.get("status", 0)):
            moment = dt.datetime.fromisoformat(row["ts"].replace("Z", "+00:00"))
            minute = int(moment.timestamp()) // 60
            is_entry = bool(row.get("entry"))
            route, prev = row.get("route", ""), row.get("prev", "")
            yield Page(row["visitor"], minute, is_entry, route, prev)


def sessions_of(pages: Iterable[Page]) -> Sums:
    """Sum up the visits of a day."""
    by_visitor: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        by_visitor[page.visitor].append(page)
    sums: Sums = Counter()
    for read in by_visitor.values():
        read.sort(key=lambda page: (page.minute, not page.is_entry))
        for visit in _visits(read):
            _add(sums, visit)
    return sums


def _visits(read: Sequence[Page]) -> Iterable[list[Page]]:
    visit: list[Page] = []
    for page in read:
        is_new = page.is_entry or page.minute - visit[-1].minute > PAUSE_MINUTES if visit else False
        if is_new:
            yield visit
            visit = []
        visit.append(page)
    yield visit


def _add(sums: Sums, visit: Sequence[Page]) -> None:
    entry, last = visit[0].route, _last(visit)
    sums["sessions", ""] += 1
    sums["pages", step_of(len(visit), PAGE_STEPS, "over 20")] += 1
    sums["minutes", step_of(visit[-1].minute - visit[0].minute, MINUTE_STEPS, "over 30")] += 1
    sums["viewed", ""] += len(visit)
    sums["stayed", ""] += visit[-1].minute - visit[0].minute
    sums["entry", entry] += 1
    sums["exit", last] += 1
    sums["way", f"{entry}\t{last}"] += 1
    if len(visit) == 1:
        sums["bounce", entry] += 1


def _last(visit: Sequence[Page]) -> str:
    """The page from which none of the same minute goes on."""
    minute = visit[-1].minute
    together = [page for page in visit if page.minute == minute]
    left = {page.prev for page in together}
    ends = [page.route for page in together if page.route not in left]
    return ends[-1] if ends else together[-1].route


def step_of(number: int, steps: Sequence[tuple[int, str]], beyond: str) -> str:
    """Name the step that a number falls into."""
    return next((name for most, name in steps if number <= most), beyond)


def keep_sessions(day: str, parts: Sequence[Path], folder: Path) -> None:
    """Write the sums of a day's visits, before the names go; made again nothing changes.

    Values of few visits are summed up as ``(other)``.

    Raises:
        LogError: a part cannot be read.
        OSError: the sums cannot be written.
    """
    target = folder / f"sessions-{mark_of(parts)}.jsonl"
    if target.exists():
        return
    pages: list[Page] = []
    for path in parts:
        with whole(path):
            pages += pages_in(format_of(path).read(path))
    lines = (
        json.dumps({"day": day, "dim": dim, "val": val, "n": n}) + "\n"
        for (dim, val), n in sorted(folded(sessions_of(pages)).items())
    )
    write_durably(target, "".join(lines).encode())


def folded(sums: Sums) -> Sums:
    """The same sums, with the small routes of a day as one."""
    kept: Sums = Counter()
    for (dim, val), n in sums.items():
        is_small = n < SMALL_CELL and dim in ("entry", "exit", "bounce", "way")
        kept[dim, OTHER if is_small else val] += n
    return kept
