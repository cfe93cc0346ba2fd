"""Owns reports as JSON, CSV, Parquet and plain text; each says the same numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from consentgate.report.making import Made
from consentgate.report.tables import Cell, Column, Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
LONG = ("report", "value", "value2", "measure", "number", "text", "coverage", "since", "until")
"""Columns of CSV and Parquet: one line for each number, so that all reports fit one table."""


def as_json(made: Made) -> bytes:
    """A document: period, coverage and rows of each report."""
    return json.dumps(document_of(made), ensure_ascii=False, indent=2).encode() + b"\n"


def document_of(made: Made) -> Mapping[str, Any]:
    """What the JSON says."""
    return {
        "site": made.site,
        "since": str(made.period.since),
        "until": str(made.period.until),
        "time_zone": made.zone,
        "filters": dict(made.filters),
        "rounding": made.rounding,
        "problems": list(made.problems),
        "reports": [
            {
                "name": table.name,
                "title": table.title,
                "question": table.question,
                "coverage": table.coverage,
                "notes": list(table.notes),
                "columns": [
                    {"name": one.name, "title": one.title, "unit": one.unit}
                    for one in table.columns
                ],
                "rows": [
                    {one.name: cell for one, cell in zip(table.columns, row, strict=True)}
                    for row in table.rows
                ],
            }
            for table in made.tables
        ],
    }


def as_csv(made: Made) -> bytes:
    """One line for each number; what a spreadsheet would take for a formula begins with ``'``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LONG)
    for line in long_rows(made):
        writer.writerow([_safe(cell) for cell in line.values()])
    return text.getvalue().encode()


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def as_parquet(made: Made) -> bytes:
    """The same lines as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    rows = list(long_rows(made))
    kinds = {"number": pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in LONG])
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), sink)
    return bytes(sink.getvalue())


def long_rows(made: Made) -> Iterator[Mapping[str, object]]:
    """Every cell of every report that is a number or says something."""
    for table in made.tables:
        for row in table.rows:
            cells = dict(zip((one.name for one in table.columns), row, strict=True))
            for name, cell in cells.items():
                if name in ("value", "value2") or cell is None:
                    continue
                number = float(cell) if isinstance(cell, int | float) else None
                found = (
                    *(table.name, cells["value"], cells.get("value2", ""), name, number),
                    *(cell if number is None else "", table.coverage),
                    *(str(made.period.since), str(made.period.until)),
                )
                yield dict(zip(LONG, found, strict=True))


def as_text(made: Made, most: int = 20) -> bytes:
    """Tables for a terminal.

    Args:
        made: the reports.
        most: rows of each that are shown.
    """
    lines = [
        f"{made.site or 'Site log'}: {made.period.since} to {made.period.until} ({made.zone})",
        *(f"Only {name}: {value}" for name, value in made.filters.items()),
        *(f"! {problem}" for problem in made.problems),
    ]
    for table in made.tables:
        lines += ["", *_text_of(table, most)]
    return ("\n".join([*lines, "", f"{made.rounding}."]) + "\n").encode()


def _text_of(table: Table, most: int) -> Iterator[str]:
    yield table.title
    yield f"  {table.coverage}."
    if not table.rows:
        yield "  nothing that may be shown"
    rows = [[cell_text(one, cell) for one, cell in zip(table.columns, row, strict=True)]
            for row in table.rows[:most]]  # fmt: skip
    heads = [_cut(one.title) for one in table.columns]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows] if rows else []:
        yield "  " + "  ".join(
            text.rjust(width) if one.is_number else text.ljust(width)
            for one, text, width in zip(table.columns, row, widths, strict=True)
        ).rstrip()  # fmt: skip
    if len(table.rows) > most:
        yield f"  and {len(table.rows) - most} more"
    for note in table.notes:
        yield f"  {note}."


def cell_text(column: Column, cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return _cut("".join(char if char.isprintable() else " " for char in cell))
    if column.unit == "%":
        return f"{cell:.1f} %"
    if isinstance(cell, float):
        return f"{cell:,.1f}" if cell < 100_000 else f"{cell:,.0f}"
    return f"{cell:,}"


def _cut(text: str, most: int = 56) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


FORMATS: Mapping[str, Callable[[Made], bytes]] = {
    "json": as_json,
    "csv": as_csv,
    "parquet": as_parquet,
}
"""Formats for programs."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears when it is whole.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
