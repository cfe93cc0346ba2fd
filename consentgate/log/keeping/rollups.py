"""Owns what is kept of a day's rows when they go: sums of one dimension at a time, by tier.

Values that few rows have are folded into ``(other)`` before they are kept for two years.
"""

from __future__ import annotations

import bisect
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from consentgate.domain.kinds import API, FORM, PAGE, is_seen
from consentgate.domain.record import FIELDS, Sums
from consentgate.log.counts.counter_file import OTHER
from consentgate.log.keeping.day_files import format_of, whole
from consentgate.log.keeping.segment_lines import Row
from consentgate.log.writing.layout import write_durably

SMALL_CELL = 10
"""A value of fewer rows than that is counted as ``(other)``."""
WHOLE = tuple(field.name for field in FIELDS if field.sums is Sums.WHOLE)
FOLDED = tuple(field.name for field in FIELDS if field.sums is Sums.FOLDED)

Key = tuple[str, str, str]
"""Tier, dimension, value."""


def mark_of(paths: Iterable[Path]) -> str:
    """A name for what was made of these files: the same files, the same name."""
    names = "\n".join(sorted(path.name for path in paths))
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def roll_up(day: str, parts: Sequence[Path], folder: Path) -> Path:
    """Write the sums of a day's rows, durably; made again they are the same.

    Returns:
        ``rows-<mark>.jsonl``: lines ``{day, tier, dim, val, n}``.

    Raises:
        LogError: a part cannot be read.
        OSError: the sums cannot be written.
    """
    sums: Counter[Key] = Counter()
    for path in parts:
        with whole(path):
            for row in format_of(path).read(path):
                add_row(sums, row)
    target = folder / f"rows-{mark_of(parts)}.jsonl"
    lines = (
        json.dumps({"day": day, "tier": tier, "dim": dim, "val": val, "n": n})
        for (tier, dim, val), n in sorted(folded(sums).items())
    )
    write_durably(target, "".join(f"{line}\n" for line in lines).encode())
    return target


def add_row(sums: Counter[Key], row: Row) -> None:
    """Count one row in every dimension that it has."""
    tier = row["tier"]
    sums[tier, "hits", ""] += 1
    sums[tier, "bytes", ""] += row.get("bytes", 0)
    sums[tier, "hour", row["ts"][11:13]] += 1
    for dim in (*WHOLE, *FOLDED):
        if dim in row:
            value = row[dim]
            for one in value if isinstance(value, list) else (value,):
                sums[tier, dim, _text(one)] += 1
    for name, value in row.get("q", {}).items():
        sums[tier, f"q.{name}", value] += 1
    if not row.get("suspect"):
        _add_measures(sums, row)


def _add_measures(sums: Counter[Key], row: Row) -> None:
    """Count what reports ask for: page views, visits that begin, and how long answers took."""
    tier, route = row["tier"], row.get("route", "")
    is_page = row.get("kind") == PAGE and is_seen(row.get("status", 0))
    if is_page:
        sums[tier, "view", ""] += 1
        sums[tier, "view.route", route] += 1
    if row.get("entry"):
        sums[tier, "visit", ""] += 1
        for dim in VISIT_DIMS:
            if dim in row:
                sums[tier, f"visit.{dim}", _text(row[dim])] += 1
    if "dur_us" in row and row.get("kind") in (PAGE, API, FORM):
        sums[tier, "latency", f"{latency_step(row['dur_us'])}\t{route}"] += 1


VISIT_DIMS = ("route", "ref_class", "ref_host", "country", "lang", "browser", "os", "device")
"""Dimensions by which visits are counted as they begin."""
_STEPS = tuple(sorted({int(1.15**power) for power in range(145)}))


def latency_step(microseconds: int) -> int:
    """The lower end of a step of 15 %, in which an answer's duration falls."""
    return _STEPS[max(0, bisect.bisect_right(_STEPS, microseconds) - 1)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_FOLDED = ("q.", "view.", "visit.")
_CLASSES = ("visit.ref_class", "visit.device")
"""Dimensions of few values, which are the same on every site."""


def folded(sums: Counter[Key]) -> Counter[Key]:
    """The same sums, with the small values of what visitors bring as one."""
    kept: Counter[Key] = Counter()
    for (tier, dim, val), n in sums.items():
        is_folded = dim in FOLDED or (dim.startswith(_FOLDED) and dim not in _CLASSES)
        is_small = n < SMALL_CELL and is_folded
        if is_small and val:
            val = OTHER
        elif dim == "latency":
            step, _, route = val.partition("\t")
            val = f"{step}\t{OTHER if sums[tier, 'route', route] < SMALL_CELL else route}"
        kept[tier, dim, val] += n
    return kept


def count_visitors(day: str, parts: Sequence[Path], folder: Path) -> int:
    """Write how many visitors a day had, before their names go; made again nothing changes.

    Returns:
        The number, exact over these parts.

    Raises:
        LogError: a part cannot be read.
        OSError: the number cannot be written.
    """
    target = folder / f"visitors-{mark_of(parts)}.jsonl"
    if target.exists():
        return int(json.loads(target.read_bytes())["visitors"])
    visitors: set[str] = set()
    for path in parts:
        with whole(path):
            visitors |= format_of(path).distinct(path, "visitor")
    line = json.dumps({"day": day, "visitors": len(visitors)})
    write_durably(target, f"{line}\n".encode())
    return len(visitors)
