"""Owns the files that rows rest in: Parquet where pyarrow is installed, else gzipped JSON lines.

Both hold the same rows in the same order; the table of fields gives the columns.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from consentgate.domain.record import FIELDS, SCHEMA, Kind
from consentgate.errors import LogError
from consentgate.log.files import encoder
from consentgate.log.layout import FILE_MODE, settle
from consentgate.log.lines import Row, decoder

ROWS_AT_ONCE = 65_536
Keep = Callable[[Row], Row | None]
"""Gives a row as it is to be kept, or None to drop it."""


class Format(Protocol):
    """One way to keep rows in a file."""

    suffix: str

    def write(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write rows, each as a line of JSON, to a new file."""
        ...

    def read(self, path: Path) -> Iterator[Row]:
        """Give every row, without empty fields."""
        ...

    def holds(self, path: Path, column: str, values: Collection[str]) -> bool:
        """Whether a row has one of the values in a column; all of them: any value at all."""
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
                yield decode(line)

    def holds(self, path: Path, column: str, values: Collection[str]) -> bool:
        """Look through the lines."""
        return any(
            column in row and (not values or row[column] in values) for row in self.read(path)
        )


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
        columns = [(field.name, kinds[field.kind]) for field in FIELDS]
        self._schema = pyarrow.schema(columns, metadata={"schema": SCHEMA})
        self._tables = [field.name for field in FIELDS if field.kind is Kind.TABLE]

    def write(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write rows in groups of 65,536."""
        decode, rest = decoder(), iter(lines)
        with self._parquet.ParquetWriter(path, self._schema, compression="zstd") as file:
            while rows := [decode(line) for line in islice(rest, ROWS_AT_ONCE)]:
                file.write_table(self._table(rows))

    def _table(self, rows: Sequence[Row]) -> Any:
        return self._arrow.table(
            [
                self._arrow.array(
                    [
                        list(value.items()) if isinstance(value := row.get(name), dict) else value
                        for row in rows
                    ],
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
                    yield kept

    def holds(self, path: Path, column: str, values: Collection[str]) -> bool:
        """Read that column alone."""
        import pyarrow.compute as compute

        with self._parquet.ParquetFile(path) as file:
            found = file.read(columns=[column]).column(column)
        if not values:
            return bool(found.null_count < len(found))
        wanted = self._arrow.array(list(values), type=self._arrow.string())
        return bool(compute.any(compute.is_in(found, value_set=wanted)).as_py())


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
    temporary = folder / f"{stem}{form.suffix}.tmp"
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE))
    form.write(temporary, lines)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    return temporary


def rewrite(path: Path, keep: Keep) -> tuple[int, int]:
    """Make a part anew without the rows or fields that are not kept; without rows it goes.

    Returns:
        How many rows were dropped, and how many changed.
    """
    form, encode = format_of(path), encoder()
    dropped = changed = 0
    lines: list[bytes] = []
    for row in form.read(path):
        kept = keep(dict(row))
        if kept is None:
            dropped += 1
            continue
        changed += kept != row
        lines.append(encode(kept))
    if not dropped and not changed:
        return 0, 0
    lines.sort()
    if lines:
        write_part(path.parent, path.name.removesuffix(form.suffix), lines, form).replace(path)
    else:
        path.unlink()
    settle(path.parent)
    return dropped, changed


def plain(row: Row) -> str:
    """A row as text for people and pipes."""
    return json.dumps(row, ensure_ascii=False)
