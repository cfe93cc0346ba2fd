"""Owns how one person's rows are given out and erased: by the keyed names that lead to them.

Durable first: the tombstone, then the key is shredded, then rows go. Broken off at any point, the
tombstone keeps what is left from being read or compacted, and the next run finishes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from consentgate.errors import LogError
from consentgate.log.keeping.compaction import Compaction
from consentgate.log.keeping.day_files import best_format, format_of, whole
from consentgate.log.keeping.segment_lines import Found, Row, rows_of
from consentgate.log.naming.subject_keys import Subjects, is_reference
from consentgate.log.writing.layout import SEGMENT_PATTERN, Layout, held

Names = dict[str, list[str]]
"""Column (``subject``, ``visitor``) to the values that are a person's."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did."""

    rows: int
    had_key: bool = False
    """Whether there was a key to shred."""


def months_back(today: dt.date, days: int) -> list[str]:
    """Every month that a row may be of, such as ``2026-11``: as long as rows are kept."""
    first = today - dt.timedelta(days=days)
    months = [first.strftime("%Y-%m")]
    while months[-1] < today.strftime("%Y-%m"):
        year, month = map(int, months[-1].split("-"))
        months.append(f"{year + month // 12:04d}-{month % 12 + 1:02d}")
    return months


def names_of_subject(layout: Layout, reference: str, months: list[str]) -> Names:
    """The names under which rows were kept for a subject of the ledger.

    Raises:
        LogError: it is no reference, or nothing is kept under it.
    """
    if not is_reference(reference):
        raise LogError(
            f'subject "{reference[:40]}": expected 32 hexadecimal digits, as the ledger and the '
            "receipt name it"
        )
    subjects = Subjects(layout.subjects)
    try:
        names = subjects.tokens(reference, months)
        if not names and not subjects.is_shredded(reference):
            raise LogError(f'subject "{reference}": the site log keeps nothing under it')
    except OSError as error:
        raise LogError(f"{error.filename or layout.subjects}: {error.strerror}") from error
    return {"subject": names}


def rows_with(layout: Layout, names: Names) -> Iterator[Row]:
    """Every row that has one of the names, in segments and parts.

    Raises:
        LogError: a file cannot be read.
    """
    try:
        layout.prepare()
        with held(layout.state / "lock"):
            yield from (row for row in _candidates(layout, names) if _is_named(row, names))
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


def _candidates(layout: Layout, names: Names) -> Iterator[Row]:
    """Rows of every file that may hold one."""
    for _, path in layout.parts():
        form = format_of(path)
        with whole(path):
            if any(not form.distinct(path, name).isdisjoint(names[name]) for name in names):
                yield from form.read(path)
    for folder in (layout.closed, layout.live):
        for path in sorted(folder.glob(SEGMENT_PATTERN)):
            yield from rows_of(path, Found())


def _is_named(row: Row, names: Names) -> bool:
    return any(row.get(column) in values for column, values in names.items())


def erase(layout: Layout, names: Names, today: dt.date, *, reference: str = "") -> Erased:
    """Erase every row that has one of the names, for good.

    Args:
        layout: of the site log.
        names: whose rows; none where they were erased before: what was left is finished then.
        today: the day of the erasure.
        reference: of the subject whose key is shredded.

    Raises:
        LogError: a file cannot be read or written; called again it goes on.
    """
    try:
        layout.prepare()
        with held(layout.state / "lock"):
            return _erase(layout, names, str(today), reference)
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


def _erase(layout: Layout, names: Names, day: str, reference: str) -> Erased:
    work = Compaction(layout, best_format())
    work.resume()
    for column, values in names.items():
        if set(values) - work.tombstones.values[column]:
            work.tombstones.add(column, values, day)
    had_key = bool(reference) and Subjects(layout.subjects).shred(reference)
    return Erased(work.tombstones.blank() + work.tombstones.apply(), had_key)
