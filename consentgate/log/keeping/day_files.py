"""Owns the files that rows rest in: Parquet where pyarrow is installed, else gzipped JSON lines.

Both hold the same rows in the same order; the table of fields gives the columns.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from consentgate.domain.record import FIELDS, SCHEMA, Kind
from consentgate.errors import LogError
from consentgate.log.keeping.segment_lines import Row, decoder, upgraded
from consentgate.log.writing.layout import FILE_MODE, settle
from consentgate.log.writing.segment import encoder

ROWS_AT_ONCE = 65_536
Keep = Callable[[Row], bool]
"""Says whether a row is to be kept."""


class Format(Protocol):
    """One way to keep rows in a file."""

    suffix: str

    def write(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write rows, each as a line of JSON, to a new file."""
        ...

    def read(self, path: Path) -> Iterator[Row]:
        """Give every row, without empty fields."""
        ...

    def count(self, path: Path) -> int:
        """How many rows there are."""
        ...

    def distinct(self, path: Path, column: str) -> set[str]:
        """Every value that a column of text has."""
        ...

    def drop(self, path: Path, target: Path, values: Mapping[str, Collection[str]]) -> int:
        """Copy the rows that have none of the values in these columns; how many there are."""
        ...

    def strip(self, path: Path, target: Path, column: str) -> int:
        """Copy the rows without a column; how many there are."""
        ...

    def is_current(self, path: Path) -> bool:
        """Whether its rows are of today's schema."""
        ...


class JsonLines:
    """Gzipped JSON lines: the standard library alone."""

    suffix = ".jsonl.gz"

    def write(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write lines; the same lines give the same bytes."""
        with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            for line in lines:
                file.write(line)

    def read(self, path: Path) -> Iterator[Row]:
        """Give every row."""
        decode = decoder()
        with gzip.open(path, "rb") as file:
            for line in file:
                yield upgraded(decode(line))

    def count(self, path: Path) -> int:
        """Count the lines."""
        with gzip.open(path, "rb") as file:
            return sum(1 for _ in file)

    def distinct(self, path: Path, column: str) -> set[str]:
        """Look through the lines."""
        return {row[column] for row in self.read(path) if column in row}

    def drop(self, path: Path, target: Path, values: Mapping[str, Collection[str]]) -> int:
        """Copy line by line."""
        encode = encoder()
        lines = [
            encode(row)
            for row in self.read(path)
            if not any(row.get(column) in among for column, among in values.items())
        ]
        self.write(target, lines)
        return len(lines)

    def strip(self, path: Path, target: Path, column: str) -> int:
        """Copy line by line."""
        encode = encoder()
        rows = list(self.read(path))
        for row in rows:
            row.pop(column, None)
        self.write(target, sorted(map(encode, rows)))
        return len(rows)

    def is_current(self, path: Path) -> bool:
        """Look at the first line: a file is written at once."""
        with gzip.open(path, "rb") as file:
            return b'"grain"' in file.readline()


class Parquet:
    """Parquet with zstd: a tenth of the size, and columns that are read by themselves."""

    suffix = ".parquet"

    def __init__(self) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow, self._parquet = pyarrow, pyarrow.parquet
        kinds = {
            Kind.TEXT: pyarrow.string(),
            Kind.NUMBER: pyarrow.int64(),
            Kind.FLAG: pyarrow.bool_(),
            Kind.LIST: pyarrow.list_(pyarrow.string()),
            Kind.TABLE: pyarrow.map_(pyarrow.string(), pyarrow.string()),
        }
        kinds_of = {"ts": pyarrow.timestamp("ms", "UTC")}
        columns = [(one.name, kinds_of.get(one.name, kinds[one.kind])) for one in FIELDS]
        self._schema = pyarrow.schema(columns, metadata={"schema": SCHEMA})
        self._tables = [field.name for field in FIELDS if field.kind is Kind.TABLE]

    def write(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write rows in groups of 65,536."""
        decode, rest = decoder(), iter(lines)
        with self._parquet.ParquetWriter(path, self._schema, compression="zstd") as file:
            while rows := [decode(line) for line in islice(rest, ROWS_AT_ONCE)]:
                file.write_table(self.table(rows))

    def table(self, rows: Sequence[Row]) -> Any:
        return self._arrow.table(
            [
                self._arrow.array(
                    [_stored(name, row.get(name)) for row in rows],
                    type=column.type,
                )
                for name, column in zip(self._schema.names, self._schema, strict=True)
            ],
            schema=self._schema,
        )

    def read(self, path: Path) -> Iterator[Row]:
        """Give every row; tables become dictionaries again."""
        with self._parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    kept = {name: value for name, value in row.items() if value is not None}
                    for name in self._tables:
                        if name in kept:
                            kept[name] = dict(kept[name])
                    if isinstance(kept.get("ts"), dt.datetime):
                        kept["ts"] = kept["ts"].strftime(_MOMENT)
                    yield upgraded(kept)

    def count(self, path: Path) -> int:
        """Read the footer alone."""
        with self._parquet.ParquetFile(path) as file:
            return int(file.metadata.num_rows)

    def distinct(self, path: Path, column: str) -> set[str]:
        """Read that column alone."""
        with self._parquet.ParquetFile(path) as file:
            found = file.read(columns=[column]).column(column)
        return set(found.unique().to_pylist()) - {None}

    def drop(self, path: Path, target: Path, values: Mapping[str, Collection[str]]) -> int:
        """Filter whole columns."""
        import pyarrow.compute as compute

        table = self._whole(path)
        for column, among in values.items():
            wanted = self._arrow.array(list(among), type=self._arrow.string())
            table = table.filter(compute.invert(compute.is_in(table[column], value_set=wanted)))
        return self._save(table, target)

    def strip(self, path: Path, target: Path, column: str) -> int:
        """Replace the column by nothing."""
        table = self._whole(path)
        place = self._schema.get_field_index(column)
        empty = self._arrow.nulls(len(table), type=self._schema.field(place).type)
        return self._save(table.set_column(place, self._schema.field(place), empty), target)

    def _whole(self, path: Path) -> Any:
        with self._parquet.ParquetFile(path) as file:
            if file.schema_arrow.equals(self._schema):
                return file.read()
        return self.table(list(self.read(path)))

    def is_current(self, path: Path) -> bool:
        """Whether the columns are today's."""
        with self._parquet.ParquetFile(path) as file:
            return bool(file.schema_arrow.equals(self._schema))

    def _save(self, table: Any, target: Path) -> int:
        with self._parquet.ParquetWriter(target, self._schema, compression="zstd") as file:
            file.write_table(table, row_group_size=ROWS_AT_ONCE)
        return len(table)


_MOMENT = "%Y-%m-%dT%H:%M:00Z"


def _stored(name: str, value: Any) -> Any:
    """A value as Parquet takes it."""
    if name == "ts" and value is not None:
        return dt.datetime.strptime(value, _MOMENT).replace(tzinfo=dt.UTC)
    return list(value.items()) if isinstance(value, dict) else value


def best_format() -> Format:
    """Parquet where pyarrow is installed (``report`` extra), else gzipped JSON lines."""
    try:
        return Parquet()
    except ImportError:
        return JsonLines()


def format_of(path: Path) -> Format:
    """The format of a part, by its name.

    Raises:
        LogError: it is Parquet and pyarrow is not installed, or of no known format.
    """
    if path.name.endswith(JsonLines.suffix):
        return JsonLines()
    if not path.name.endswith(Parquet.suffix):
        raise LogError(f"{path}: expected .parquet or .jsonl.gz; move it out of the site log")
    try:
        return Parquet()
    except ImportError as error:
        raise LogError(
            f'{path}: Parquet needs pyarrow; install it: pip install "consentgate[report]"'
        ) from error


def write_part(folder: Path, stem: str, lines: Iterable[bytes], form: Format) -> Path:
    """Write a part under a temporary name, durably; whoever calls renames it.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    temporary = _new(folder / f"{stem}{form.suffix}.tmp")
    form.write(temporary, lines)
    _settle_file(temporary)
    return temporary


def _new(path: Path) -> Path:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE))
    return path


def _settle_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def whole(path: Path) -> Iterator[None]:
    """Say which part it was that cannot be read.

    Raises:
        LogError: its content is cut or damaged.
    """
    try:
        yield
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = type(error).__name__
        raise LogError(
            f"{path}: cannot be read whole ({kind}); restore it from a backup or delete it"
        ) from error


def drop_rows(path: Path, values: Mapping[str, Collection[str]]) -> int:
    """Make a part anew without the rows that have one of the values in these columns.

    Returns:
        How many rows went; without rows the part goes too.
    """
    form = format_of(path)
    with whole(path):
        if all(form.distinct(path, column).isdisjoint(among) for column, among in values.items()):
            return 0
        before = form.count(path)
        temporary = _new(path.with_name(f"{path.name}.tmp"))
        left = form.drop(path, temporary, values)
    _settle_file(temporary)
    temporary.replace(path)
    if not left:
        path.unlink()
    settle(path.parent)
    return before - left


def strip_column(path: Path, column: str) -> None:
    """Make a part anew without a field."""
    form = format_of(path)
    temporary = _new(path.with_name(f"{path.name}.tmp"))
    with whole(path):
        form.strip(path, temporary, column)
    _settle_file(temporary)
    temporary.replace(path)
    settle(path.parent)


def keep_rows(path: Path, keeps: Keep) -> int:
    """Make a part anew with the rows that are to be kept; how many went."""
    form, encode = format_of(path), encoder()
    dropped, lines = 0, []
    with whole(path):
        for row in form.read(path):
            if keeps(row):
                lines.append(encode(row))
            else:
                dropped += 1
    if not dropped:
        return 0
    if lines:
        write_part(path.parent, path.name.removesuffix(form.suffix), lines, form).replace(path)
    else:
        path.unlink()
    settle(path.parent)
    return dropped


def plain(row: Row) -> str:
    """A row as text for people and pipes."""
    return json.dumps(row, ensure_ascii=False)
