"""Owns how the sums that are kept beside the rows become one table that reports ask.

``sums (day, source, dim, val, n)``; ``source`` says whose: ``t0`` visits without consent, counted
one dimension at a time; ``aged`` rows that are deleted by now; ``consent``, ``signals``,
``sessions``, ``visitors``. Their days are UTC.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow

from consentgate.domain.kinds import PAGE
from consentgate.log.counts import choices, signals, visits
from consentgate.log.keeping.sessions import Page, sessions_of
from consentgate.log.writing.layout import Layout

Sum = tuple[str, str, str, str, int]
"""Day, source, dimension, value, number."""
_KINDS = {
    "visits": "t0",
    "site": "t0",
    "rows": "aged",
    "consent": "consent",
    "signals": "signals",
    "sessions": "sessions",
    "visitors": "visitors",
}
"""What a file's name begins with, to the source of its sums."""
_LIVE = (visits.FILE_NAME, choices.FILE_NAME, signals.FILE_NAME)


def load_sums(database: Any, layout: Layout, days: set[str]) -> None:
    """Make the table ``sums`` of every file of sums, and of visits whose names are still there."""
    database.execute(
        "create table sums (day date, source varchar, dim varchar, val varchar, n bigint)"
    )
    _insert(database, [one for path in _files(layout, days) for one in _read(path)], days)
    _insert(database, list(_sessions(database)), days)
    database.execute(
        "insert into sums select day, 'visitors', 'visitors', '', count(distinct visitor) "
        "from rows where visitor is not null group by day"
    )


def _insert(database: Any, sums: list[Sum], days: set[str]) -> None:
    names = ("day", "source", "dim", "val", "n")
    kinds = (*[pyarrow.string()] * 4, pyarrow.int64())
    rows = [one for one in sums if one[0] in days]
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
    arrays = [pyarrow.array(col, type=kind) for col, kind in zip(columns, kinds, strict=True)]
    database.register("loaded", pyarrow.table(dict(zip(names, arrays, strict=True))))
    database.execute("insert into sums select day::date, source, dim, val, n from loaded")
    database.unregister("loaded")


def _files(layout: Layout, days: set[str]) -> Iterator[Path]:
    for day, folder in layout.days(layout.counts):
        if day in days:
            yield from sorted(folder.glob("*.jsonl"))
    for kind in _KINDS:
        yield from sorted(layout.closed.glob(f"{kind}-*.jsonl"))
    yield from (layout.root / name for name in _LIVE if (layout.root / name).exists())


def _read(path: Path) -> Iterator[Sum]:
    source = _KINDS.get(path.name.partition("-")[0].partition(".")[0], "")
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
            one = _sum(source, row)
        except (ValueError, KeyError, TypeError):
            continue  # a line that a full disk has cut
        if one is not None:
            yield (str(row["day"]), *one)


def _sum(source: str, row: dict[str, Any]) -> tuple[str, str, str, int] | None:
    if source == "aged":
        return source, f"{row['tier']}|{row['dim']}", row["val"], int(row["n"])
    if source == "consent":
        return source, f"{row['act']}|{row['dim']}", row["val"], int(row["n"])
    if source == "signals":
        return source, row["signal"], row["purpose"], int(row["count"])
    if source == "visitors":
        return source, "visitors", "", int(row["visitors"])
    return (source, row["dim"], row["val"], int(row["n"])) if source else None


def _sessions(database: Any) -> Iterator[Sum]:
    """Sum up the visits of days whose rows still name their visitors, as compaction will."""
    found = database.execute(
        "select day, visitor, epoch(ts)::bigint // 60, entry, coalesce(route, ''), "
        f"coalesce(prev, '') from rows where visitor is not null and kind = '{PAGE}' "
        "and (status between 200 and 299 or status = 304) and not suspect"
    ).fetchall()
    by_day: dict[dt.date, list[Page]] = {}
    for day, *page in found:
        by_day.setdefault(day, []).append(Page(*page))
    for day, pages in by_day.items():
        for (dim, val), n in sessions_of(pages).items():
            yield str(day), "sessions", dim, val, n
