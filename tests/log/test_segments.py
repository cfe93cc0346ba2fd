"""Segments of the site log, written by real processes: whole lines, nothing lost, one a worker."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from consentgate.log.writing.segment import SegmentFile
from tests.site_logs import records, segments

T0 = {"ts": "2026-09-21T14Z", "tier": "T0", "status": 200}
T1 = {"ts": "2026-09-21T14:13Z", "tier": "T1", "status": 200}

WRITER = """
import os, sys
from consentgate.log.writing.segment import SegmentFile
folder, name, lines, durability = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
log = SegmentFile(folder, durability=durability, most_bytes=int(sys.argv[5]))
for number in range(lines):
    log.write({"ts": "2026-09-21T14Z", "tier": "T0", "route": name, "status": number, "v": "x" * 200})
    if len(sys.argv) > 6 and number % 1_000 == 0:
        print(number, flush=True)
"""


def writer(folder: Path, name: str, lines: int, **more: object) -> subprocess.Popen[str]:
    """A process that writes lines numbered from 0; ``told``: it says each thousandth."""
    size = str(more.get("most_bytes", 64 << 20))
    arguments = [folder, name, str(lines), str(more.get("durability", "line")), size]
    told = ["told"] if more.get("told") else []
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, arguments), *told],
        stdout=subprocess.PIPE,
        text=True,
    )


def four_writers(folder: Path, lines: int) -> None:
    """Let four processes write at once and check that every line arrived whole, in order."""
    workers = [writer(folder, f"w{number}", lines, most_bytes=1 << 20) for number in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    found: dict[str, list[int]] = {}
    for record in records(folder):
        found.setdefault(record["route"], []).append(record["status"])
    assert found == {f"w{number}": list(range(lines)) for number in range(4)}


def test_four_writers_tear_no_line(tmp_path: Path) -> None:
    """Each has its own segments, which it closes by size."""
    four_writers(tmp_path, 5_000)
    assert len(segments(tmp_path)) >= 8


@pytest.mark.slow
def test_four_writers_tear_none_of_200_000_lines(tmp_path: Path) -> None:
    """The same, for longer."""
    four_writers(tmp_path, 50_000)


def test_kill_9_loses_nothing_in_line_mode(tmp_path: Path) -> None:
    """Whatever was noted before the process was killed is in the file."""
    worker = writer(tmp_path, "w", 10_000_000, told=True)
    assert worker.stdout is not None
    noted = [int(line) for line, _ in zip(worker.stdout, range(5), strict=False)][-1]
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    (segment,) = (tmp_path / "live").glob("ev-*.jsonl")
    written = [json.loads(line)["status"] for line in segment.read_bytes().splitlines()[1:]]
    assert noted >= 4_000
    assert written[: noted + 1] == list(range(noted + 1))


def test_a_batch_is_written_at_the_end_and_in_no_order(tmp_path: Path) -> None:
    """300 records: the order of arrival cannot be told from the file; none is missing."""
    assert writer(tmp_path, "w", 300, durability="batch").wait() == 0
    lines = [line for path in segments(tmp_path) for line in path.read_bytes().splitlines()[1:]]
    assert len(lines) == 300
    assert lines == sorted(lines[:256]) + sorted(lines[256:])
    assert sorted(record["status"] for record in records(tmp_path)) == list(range(300))


def test_a_batch_holds_back_operational_records_alone(tmp_path: Path) -> None:
    """What was granted is written at once; the rest after five seconds, or at the end."""
    log = SegmentFile(tmp_path, durability="batch")
    log.write(T0)
    log.write(T1)
    assert [record["tier"] for record in records(tmp_path)] == ["T1"]
    log._waiting_since -= 6
    log.tick(int(log._clock()))
    assert [record["tier"] for record in records(tmp_path)] == ["T1", "T0"]
    log.close()


@pytest.mark.requirement("LOG-09")
def test_only_the_owner_and_the_group_may_read(tmp_path: Path) -> None:
    """Files 0640, folders 0750, keys 0700, whatever the umask lets through."""
    before = os.umask(0)
    try:
        log = SegmentFile(tmp_path / "log")
        log.write(T0)
        log.close()
    finally:
        os.umask(before)
    for path in (tmp_path / "log").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o640 if path.is_file() else 0o700 if path.name == "state" else 0o750)


def test_a_segment_says_its_schema_and_is_closed_on_the_hour(tmp_path: Path) -> None:
    """The first line is a header; the hour over, the file is compaction's."""
    now = [1_790_000_000.0]
    log = SegmentFile(tmp_path, clock=lambda: now[0])
    log.write(T0)
    (live,) = segments(tmp_path)
    assert json.loads(live.read_text().splitlines()[0]) == {"schema": "cg2"}
    log.tick(1_790_000_000)
    assert live.exists()
    log.tick(1_790_000_000 + 3_600)
    assert [path.parent.name for path in segments(tmp_path)] == ["closed"]
    log.write(T0)
    assert [path.parent.name for path in segments(tmp_path)] == ["closed", "live"]


def test_a_removed_folder_is_made_again(tmp_path: Path) -> None:
    """Somebody deletes the folder under a running site: the log goes on in a new one."""
    log = SegmentFile(tmp_path / "log")
    log.write(T0)
    subprocess.run(["rm", "-r", tmp_path / "log"], check=True)
    log.tick(int(log._clock()))
    log.write(T1)
    assert [record["tier"] for record in records(tmp_path / "log")] == ["T1"]


def test_a_folder_that_cannot_be_made_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, counted, and said again after it has recovered."""
    blocked = tmp_path / "log"
    blocked.write_text("")
    log = SegmentFile(blocked)
    for expected in (3, 6):
        for _ in range(3):
            log.write(T0)
        assert log.lost == expected
        assert len([r for r in caplog.records if r.levelname == "ERROR"]) == expected // 3
        blocked.unlink()
        log._retry_at = 0.0
        log.write(T0)
        log.close()
        assert f"{expected} records were lost" in caplog.records[-1].getMessage()
        blocked.rename(tmp_path / f"log{expected}")
        blocked.write_text("")


FULL_DISK = """
import resource, signal, sys
from consentgate.log.writing.segment import SegmentFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = SegmentFile(sys.argv[1])
for number in range(100):
    if number == 20:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, resource.RLIM_INFINITY))
    if number == 60:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    log.write({"ts": "2026-09-21T14Z", "tier": "T0", "status": number})
print(log.lost)
"""


def test_a_full_disk_tears_no_later_line(tmp_path: Path) -> None:
    """The line at which it filled is cut; those after it are whole, and the lost ones counted."""
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, check=True
    )
    (segment,) = segments(tmp_path)
    whole, cut = [], 0
    for line in segment.read_bytes().splitlines()[1:]:
        try:
            whole.append(json.loads(line)["status"])
        except ValueError:
            cut += 1
    assert cut == 1
    assert whole[-40:] == list(range(60, 100))
    assert len(whole) + int(told.stdout) == 100
    assert "is not written" in told.stderr
    assert "is written again" in told.stderr


FORK = """
import os, sys
from consentgate.log.writing.segment import SegmentFile
log = SegmentFile(sys.argv[1], durability="batch")
log.write({"ts": "2026-09-21T14Z", "tier": "T0", "route": "before"})
child = os.fork()
log.write({"ts": "2026-09-21T14Z", "tier": "T0", "route": "child" if child == 0 else "parent"})
log.close()
if child:
    os.wait()
"""


def test_a_forked_worker_has_its_own_segment(tmp_path: Path) -> None:
    """What waited before the fork is written once, by the parent."""
    subprocess.run([sys.executable, "-c", FORK, tmp_path], check=True)
    assert sorted(r["route"] for r in records(tmp_path)) == ["before", "child", "parent"]
    assert len(segments(tmp_path)) == 2


def test_what_cannot_be_encoded_is_counted(tmp_path: Path) -> None:
    """A value that is no JSON stops nothing."""
    log = SegmentFile(tmp_path)
    log.write({"ts": object()})
    log.write(T0)
    assert log.lost == 1
    assert len(records(tmp_path)) == 1
