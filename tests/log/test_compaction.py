"""Compaction: every row once, whatever happens on the way, sorted, in the schema of the table."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from consentgate.cli import main
from consentgate.domain.record import FIELDS
from consentgate.errors import LogError
from consentgate.log.counts.signals import RECEIVED, SignalCounts, read_counts
from consentgate.log.counts.visits import VisitCounts
from consentgate.log.keeping.compaction import Compacted, compact
from consentgate.log.keeping.day_files import JsonLines, Parquet, format_of
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile
from tests.log.test_segments import writer
from tests.log.test_tiers import GRANTED, record_of, visit_of

FORMS = [pytest.param(Parquet(), id="parquet"), pytest.param(JsonLines(), id="jsonl.gz")]
NOW = 1_790_000_000


def row(day: str = "2026-09-21", **more: Any) -> dict[str, Any]:
    return {"ts": f"{day}T14Z", "tier": "T0", "route": "/", "status": 200, **more}


def wrote(folder: Path, *rows: dict[str, Any]) -> Layout:
    """A site log whose one segment holds these rows; its writer has ended."""
    log = SegmentFile(folder)
    for one in rows:
        log.write(one)
    log.close()
    return Layout.of(folder)


def rows_in(layout: Layout) -> list[dict[str, Any]]:
    return [found for _, path in layout.parts() for found in format_of(path).read(path)]


def leftovers(layout: Layout) -> list[Path]:
    return [
        path
        for path in layout.root.rglob("*")
        if path.suffix in (".tmp", ".json") or path.parent.name in ("live", "closed")
    ]


class Crash(BaseException):
    """The machine stops here."""


def crashing_at(count: int) -> Any:
    left = [count]

    def step(name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash(name)

    return step


@pytest.mark.parametrize("form", FORMS)
def test_a_compaction_may_stop_anywhere(form: Any, tmp_path: Path) -> None:
    """At every step in turn it is broken off and begun again: each row is there once."""
    steps = []
    for count in range(100):
        folder = tmp_path / str(count)
        layout = wrote(folder, row(status=200), row("2026-09-22", status=404))
        wrote(folder, row(status=500))
        VisitCounts(folder, lambda agent: None).add("event", "x", NOW)  # type: ignore[arg-type, return-value]
        counts = SignalCounts(folder)
        counts.add("gpc", [RECEIVED], NOW)
        counts.flush()
        try:
            compact(layout, form=form, step=crashing_at(count))
        except Crash as crash:
            steps.append(str(crash))
        else:
            break
        compact(layout, form=form)
        assert Counter(found["status"] for found in rows_in(layout)) == {200: 1, 404: 1, 500: 1}
        assert read_counts(folder) == {("2026-09-21", "gpc", RECEIVED): 1}
        assert leftovers(layout) == []
    assert set(steps) >= {
        "sums taken",
        "intent written",
        "part written",
        "sums written",
        "part named",
        "manifest written",
        "source removed",
        "intent removed",
    }


@pytest.mark.parametrize("form", FORMS)
def test_parts_hold_what_the_segments_held(form: Any, tmp_path: Path) -> None:
    """All fields of every tier, with their types, a folder a day, in no order of arrival."""
    whole = record_of(visit_of(choice=GRANTED))
    rows = [row(status=number, sig=["gpc"]) for number in (9, 3, 7)]
    layout = wrote(tmp_path, *rows, whole, row("2026-09-22"))
    done = compact(layout, form=form)
    assert (done.segments, done.found.rows, len(done.parts)) == (1, 5, 2)
    assert [day for day, _ in layout.parts()] == ["2026-09-21", "2026-09-22"]
    found = rows_in(layout)
    assert [one["status"] for one in found if "sig" in one] == [3, 7, 9]
    assert [one for one in found if one["tier"] == "T1"] == [whole]
    again = compact(layout, form=form)
    assert (again.segments, again.parts) == (0, [])


def test_parquet_has_a_column_a_field(tmp_path: Path) -> None:
    """The table of fields is the schema; DuckDB reads the day from the folder."""
    import duckdb

    layout = wrote(tmp_path, row(), row("2026-09-22", status=404))
    compact(layout, form=Parquet())
    told = duckdb.sql(
        f"select * from read_parquet('{tmp_path}/events/*/*.parquet', hive_partitioning=true)"
    )
    assert told.columns == [*(field.name for field in FIELDS), "day"]
    assert told.filter("status = 404").select("day").fetchall()[0][0].isoformat() == "2026-09-22"


HOSTILE = [
    (b'{"ts":"2026-09-21T14Z","tier":"T0","status":2', "torn"),
    (b"203.0.113.77 - - [GET /?email=jane@example.com]\n", "foreign"),
    (b"\xff\xfe\x00\n", "foreign"),
    (b"\x1b[31mred\x1b[0m\n", "foreign"),
    (b"=cmd()\n", "foreign"),
    (b"[" * 3_000 + b"\n", "foreign"),
    (b"x" * 1_000_000 + b"\n", "foreign"),
    (b'{"ts":"2026-09-21T14Z","tier":"T9"}\n', "foreign"),
    (b'{"ts":"2026-02-31T14Z","tier":"T0"}\n', "foreign"),
    (b'{"ts":"../../../etc","tier":"T0"}\n', "foreign"),
    (b'{"ts":"2026-09-21T14Z","tier":"T0","visitor":"100::1"}\n', "foreign"),
    (b'{"ts":"2026-09-21T14Z","tier":"T0","status":"200"}\n', "foreign"),
    (b'{"ts":"2026-09-21T14Z","tier":"T0","status":99999999999999999999}\n', "foreign"),
    (b'{"ts":"2026-09-21T14Z","tier":"T0","address":"203.0.113.77"}\n', "foreign"),
    (b"\n   \n", "nothing"),
]


@pytest.mark.requirement("LOG-07")
@pytest.mark.parametrize(("line", "kind"), HOSTILE)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_record_is_left_out(
    form: Any, line: bytes, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted and named by file and line, its text nowhere; the rows around it are kept."""
    layout = wrote(tmp_path, row(status=1))
    (segment,) = layout.closed.iterdir()
    with segment.open("ab") as file:
        file.write(line + (b"\n" if kind == "torn" else b""))
        file.write(b'{"ts":"2026-09-21T14Z","tier":"T0","status":2}\n')
    done = compact(layout, form=form)
    assert [one["status"] for one in rows_in(layout)] == [1, 2]
    assert (done.found.torn, done.found.foreign) == (kind == "torn", kind == "foreign")
    named = [f"closed/{segment.name}:3"] if kind != "nothing" else []
    assert done.found.places == named
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"203.0.113.77" not in kept


def test_the_last_line_of_a_killed_writer_may_be_cut(tmp_path: Path) -> None:
    """It has no line break; it is dropped, and counted."""
    layout = wrote(tmp_path, row(status=1))
    (segment,) = layout.closed.iterdir()
    with segment.open("ab") as file:
        file.write(b'{"ts":"2026-09-21T14Z","ti')
    done = compact(layout, form=JsonLines())
    assert (done.found.rows, done.found.torn, done.found.foreign) == (1, 1, 0)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("ev-h-1-1.jsonl", b'{"schema":"cg9"}\n{"ts":"x"}\n', 'reads "cg2"'),
        ("notes.jsonl", b"hello\n", "is no segment"),
    ],
)
def test_a_strange_file_is_left_where_it_is(
    name: str, content: bytes, why: str, tmp_path: Path
) -> None:
    """It is refused with a reason, and the others are compacted."""
    layout = wrote(tmp_path, row())
    (layout.closed / name).write_bytes(content)
    done = compact(layout, form=JsonLines())
    assert len(done.refused) == 1
    assert why in done.refused[0]
    assert (layout.closed / name).read_bytes() == content
    assert len(rows_in(layout)) == 1


def test_a_running_writer_keeps_its_segment(tmp_path: Path) -> None:
    """A live segment is taken over when its process is gone, killed or not, and not before."""
    worker = writer(tmp_path, "w", 10_000_000, told=True)
    assert worker.stdout is not None
    worker.stdout.readline()
    layout = Layout.of(tmp_path)
    assert compact(layout, form=JsonLines()).segments == 0
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert compact(layout, form=JsonLines()).segments == 1
    assert rows_in(layout)
    assert leftovers(layout) == []


def _compact_often(folder: Path, times: int) -> None:
    for _ in range(times):
        compact(Layout.of(folder), form=JsonLines())


def test_several_compactions_and_writers_at_once(tmp_path: Path) -> None:
    """Two hosts' cron jobs and three writers share a folder: every row once."""
    spawn = multiprocessing.get_context("spawn")
    jobs = [spawn.Process(target=_compact_often, args=(tmp_path, 20)) for _ in range(2)]
    writers = [writer(tmp_path, f"w{n}", 2_000, most_bytes=20_000) for n in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [worker.wait() for worker in writers] == [0] * 3
    layout = Layout.of(tmp_path)
    compact(layout, form=JsonLines())
    found = Counter(one["route"] for one in rows_in(layout))
    assert found == {"w0": 2_000, "w1": 2_000, "w2": 2_000}


def test_sums_are_added_up_by_day(tmp_path: Path) -> None:
    """Lines of minutes become one file a day; what is counted later is added beside it."""
    counts = VisitCounts(tmp_path, lambda agent: None)  # type: ignore[arg-type, return-value]
    layout = Layout.of(tmp_path)
    for number in (2, 5):
        counts.add("event", "export", NOW, number)
        counts.flush()
        counts.add("event", "export", NOW, number)
        counts.flush()
        compact(layout, form=JsonLines())
    files = sorted((layout.counts / "day=2026-09-21").iterdir())
    sums = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert sorted(one["n"] for one in sums) == [4, 10]
    assert {(one["dim"], one["val"]) for one in sums} == {("event", "export")}


def test_without_pyarrow_parts_are_gzipped_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standard library is enough; a Parquet part then says what to install."""
    layout = wrote(tmp_path, row())
    compact(layout, form=Parquet())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    wrote(tmp_path, row())
    (name,) = compact(layout).parts
    assert name.endswith(".jsonl.gz")
    with pytest.raises(LogError, match="pip install"):
        rows_in(layout)


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "consentgate.toml"
    path.write_text(
        'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
        f'[log]\ndirectory = "{tmp_path}/log"\n',
        encoding="utf-8",
    )
    return path


def test_the_command_says_what_it_did(
    policy_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, parts, what was left out and where; 1 where a file was refused."""
    layout = wrote(tmp_path / "log", row())
    with next(layout.closed.iterdir()).open("ab") as file:
        file.write(b"not ours\n")
    assert main(["log", "compact", "--policy", str(policy_file)]) == 0
    told = capsys.readouterr().out
    assert "1 segments, 1 rows, 1 parts" in told
    assert "0 torn lines, 1 foreign lines" in told
    assert ".jsonl:3" in told
    (layout.closed / "notes.jsonl").write_text("")
    assert main(["log", "compact", "--policy", str(policy_file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["refused"]


def test_without_a_folder_there_is_nothing_to_compact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear error, exit status 2."""
    path = tmp_path / "p.toml"
    path.write_text('version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n')
    assert main(["log", "compact", "--policy", str(path)]) == 2
    assert "no site log is kept" in capsys.readouterr().err


KILLED = """
import os, sys
from consentgate.log.keeping.compaction import compact
from consentgate.log.writing.layout import Layout
left = int(sys.argv[2])
def step(name):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
compact(Layout.of(sys.argv[1]), step=step)
"""


def test_kill_9_in_the_middle_of_a_compaction(tmp_path: Path) -> None:
    """The lock goes with the process, and the next compaction finishes."""
    layout = wrote(tmp_path, row(), row("2026-09-22"))
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path, "2"])
    assert killed.returncode == -9
    assert isinstance(compact(layout), Compacted)
    assert len(rows_in(layout)) == 2
    assert leftovers(layout) == []
