"""Parts of an older schema: read on as they are, and made anew by one command."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from consentgate.log.keeping.day_files import Parquet, format_of, strip_column
from consentgate.log.keeping.migration import migrate
from consentgate.log.writing.layout import Layout

OLD = [
    {"ts": "2026-10-01T14Z", "tier": "T0", "route": "/", "status": 200, "ref": "search"},
    {"ts": "2026-10-01T14:13Z", "tier": "T1", "route": "/", "status": 200, "ref": "a.example"},
]
NEW = [
    {
        "ts": "2026-10-01T14:00:00Z",
        "grain": "hour",
        "tier": "T0",
        "route": "/",
        "status": 200,
        "ref_class": "search",
    },
    {
        "ts": "2026-10-01T14:13:00Z",
        "grain": "minute",
        "tier": "T1",
        "route": "/",
        "status": 200,
        "ref_class": "external",
        "ref_host": "a.example",
    },
]


def old_log(root: Path) -> Layout:
    """A log with one old part of each format."""
    layout = Layout.of(root)
    layout.prepare()
    folder = layout.events / "day=2026-10-01"
    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(OLD), folder / "part-1.parquet")
    lines = "".join(json.dumps(row) + "\n" for row in OLD)
    (folder / "part-2.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return layout


def rows_in(layout: Layout) -> list[dict[str, object]]:
    return [row for _, path in layout.parts() for row in format_of(path).read(path)]


def test_old_parts_are_read_on(tmp_path: Path) -> None:
    """Without a migration, from Parquet and from gzipped lines."""
    assert rows_in(old_log(tmp_path)) == [*NEW, *NEW]


def test_one_command_makes_them_anew(tmp_path: Path) -> None:
    """The same rows under today's columns; called again there is nothing to do."""
    layout = old_log(tmp_path)
    assert len(list(migrate(layout))) == 2
    assert all(Parquet().is_current(path) for _, path in layout.parts())
    assert rows_in(layout) == [*NEW, *NEW]
    assert list(migrate(layout)) == []


def test_a_moment_is_a_moment(tmp_path: Path) -> None:
    """DuckDB and pandas find a timestamp with its zone, whatever its grain."""
    duckdb = pytest.importorskip("duckdb")
    layout = old_log(tmp_path)
    list(migrate(layout))
    found = duckdb.sql(
        f"select distinct typeof(ts), grain from read_parquet('{layout.events}/*/*.parquet')"
    ).fetchall()
    assert sorted(found) == [
        ("TIMESTAMP WITH TIME ZONE", "hour"),
        ("TIMESTAMP WITH TIME ZONE", "minute"),
    ]


def test_an_old_part_may_lose_a_column(tmp_path: Path) -> None:
    """What prune does to a part works on old ones too."""
    layout = old_log(tmp_path)
    for _, path in layout.parts():
        strip_column(path, "visitor")
    assert rows_in(layout) == [*NEW, *NEW]
