"""Owns how all rows of a site log, or of files with records in them, are read for somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from consentgate.errors import LogError
from consentgate.log.keeping.day_files import JsonLines, Parquet, format_of
from consentgate.log.keeping.segment_lines import (
    Found,
    Row,
    check_schema,
    day_of,
    decoder,
    is_record,
    numbered_lines,
    rows_of,
    upgraded,
)
from consentgate.log.keeping.tombstones import Tombstones
from consentgate.log.writing.layout import SEGMENT_PATTERN, Layout, held
from consentgate.log.writing.segment import encoder

FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"


def rows_of_log(
    layout: Layout, found: Found, *, since: str = FIRST_DAY, until: str = LAST_DAY
) -> Iterator[Row]:
    """Every row of a site log, sorted in each of its files; compaction waits meanwhile.

    Args:
        layout: of the site log.
        found: gets the counts of lines in segments that are no records.
        since: first day, ``2026-11-24``.
        until: last day.

    Raises:
        LogError: a file cannot be read.
    """
    if not layout.root.is_dir():
        raise LogError(f"{layout.root}: no site log is there yet; is the path right?")
    try:
        layout.prepare()
        with held(layout.state / "lock"):
            erased = Tombstones(layout)
            for row in _all(layout, found, since, until):
                if since <= day_of(row.get("ts")) <= until and not erased.drops(row):
                    yield row
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


def _all(layout: Layout, found: Found, since: str, until: str) -> Iterator[Row]:
    for day, path in layout.parts():
        if since <= day <= until:
            yield from format_of(path).read(path)
    for folder in (layout.closed, layout.live):
        for path in sorted(folder.glob(SEGMENT_PATTERN)):
            check_schema(path)
            yield from in_no_order(rows_of(path, found))


def in_no_order(rows: Iterable[Row]) -> list[Row]:
    """The rows sorted by what they say: who came after whom is not told."""
    encode = encoder()
    return sorted(rows, key=encode)


def rows_of_file(path: Path, found: Found) -> Iterator[Row]:
    """Every record of a part, or of a file of JSON lines.

    Raises:
        LogError: it cannot be read.
    """
    try:
        if path.name.endswith((Parquet.suffix, JsonLines.suffix)):
            rows = format_of(path).read(path)
            yield from (row for row in rows if is_record(row))
        else:
            check_schema(path)
            yield from rows_of(path, found)
    except (OSError, EOFError, ValueError) as error:
        raise LogError(f"{path}: cannot be read: {error}") from error


def rows_of_stream(stream: BinaryIO, found: Found) -> Iterator[Row]:
    """Every record that comes, at once; other lines are left out and counted."""
    decode = decoder()
    for number, line, _ in numbered_lines(stream):
        try:
            row = decode(line) if line is not None else None
        except (ValueError, RecursionError):
            row = None
        row = upgraded(row) if isinstance(row, dict) else row
        if isinstance(row, dict) and is_record(row):
            found.count_record()
            yield row
        elif not (isinstance(row, dict) and "schema" in row):
            found.count_foreign(Path("standard", "input"), number)
