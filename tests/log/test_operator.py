"""What happens to an operator on a bad day: folders that move, readers that leave, full disks."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.log.keeping.retention import Limits, over_size, prune
from consentgate.log.keeping.segment_lines import Found, rows_of
from consentgate.log.security import file as security
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile
from tests.report.traffic import Traffic, write_log

T0 = {"ts": "2026-09-21T14:00:00Z", "grain": "hour", "tier": "T0", "status": 200}


def policy_in(folder: Path, log: Path, more: str = "") -> Path:
    """A policy file whose log lies there."""
    path = folder / "consentgate.toml"
    assert main(["init", str(path)]) == 0
    text = path.read_text(encoding="utf-8").replace("var/log", str(log))
    path.write_text(text.replace("[log]\n", f"[log]\n{more}"), encoding="utf-8")
    return path


def _prune_security(folder: str, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    security.prune(Path(folder), days=1, today="2026-11-24")


def test_all_workers_may_prune_the_security_log_at_midnight(tmp_path: Path) -> None:
    """Whoever comes second finds nothing left to do, which is no fault."""
    for _ in range(4):
        for day in range(10, 20):
            folder = tmp_path / f"day=2026-11-{day}"
            folder.mkdir()
            for name in range(20):
                (folder / f"{name}.jsonl").write_text("{}")
        start = time.time() + 0.3
        workers = [
            multiprocessing.get_context("fork").Process(
                target=_prune_security, args=(str(tmp_path), start)
            )
            for _ in range(4)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)
        assert [worker.exitcode for worker in workers] == [0] * 4
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["moved", "removed"])
def test_a_folder_that_goes_is_noticed(
    change: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Within a second the log begins anew where the policy says; what is gone is counted."""
    folder = tmp_path / "log"
    sink = SegmentFile(folder)
    sink.write(T0)
    sink.write(T0)
    if change == "moved":
        folder.rename(tmp_path / "old")
    else:
        shutil.rmtree(folder)
    sink.tick(int(time.time()))
    sink.write(T0)
    sink.close()
    (segment,) = (folder / "closed").glob("ev-*.jsonl")
    assert len(list(rows_of(segment, Found()))) == 1
    assert f"was {change}" in caplog.text
    assert sink.lost == (2 if change == "removed" else 0)


@pytest.mark.parametrize("verb", ["verify", "compact", "prune", "migrate", "export --to csv"])
def test_a_log_that_is_not_there_is_a_mistake(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and no folder is made at a path that may be wrong."""
    policy = policy_in(tmp_path, tmp_path / "nowhere")
    assert main(["log", *verb.split(), "--policy", str(policy)]) == 2
    assert "no site log is there yet" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_pruning_goes_on_when_its_reader_leaves(tmp_path: Path) -> None:
    """``prune | head`` neither shows a traceback nor stops half way."""
    layout = write_log(tmp_path / "log", Traffic(3), dt.date(2026, 1, 1), 8, 20)
    policy = policy_in(tmp_path, layout.root)
    for arguments in (["--dry-run"], []):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "consentgate",
                "log",
                "prune",
                "--policy",
                str(policy),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.close()
        _, told = process.communicate(timeout=60)
        assert told == b""
    assert not list(layout.parts())


def test_a_period_that_ends_before_it_begins_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and nothing is written."""
    arguments = ["--from", "2026-11-30", "--until", "2026-11-01", "--to", "csv"]
    assert main(["log", "export", *arguments, str(tmp_path / "x.jsonl")]) == 2
    assert "the period ends before it begins" in capsys.readouterr().err


LINE = '{"ts":"2026-09-21T14:00:00Z","grain":"hour","tier":"T1","q":{"a":"b"},"status":200}'


@pytest.mark.parametrize("length", [1, 4, 9, 40, LINE.index("}") + 1, len(LINE) - 1])
def test_a_line_that_a_full_disk_cut_is_torn(length: int, tmp_path: Path) -> None:
    """Wherever it was cut, even behind a brace; the next record begins on a line of its own."""
    path = tmp_path / "ev-h-1-1.jsonl"
    path.write_text(f'{{"schema":"cg2"}}\n{LINE[:length]}\n{LINE}\n')
    found = Found()
    assert len(list(rows_of(path, found))) == 1
    assert (found.torn, found.foreign) == (1, 0)


def test_rows_take_no_more_than_they_may(tmp_path: Path) -> None:
    """The oldest days are summed up and deleted until the rest is small enough; today stays."""
    today = dt.date(2026, 11, 8)
    layout = write_log(tmp_path, Traffic(3), today - dt.timedelta(days=5), 6, 60)
    sizes = [path.stat().st_size for _, path in layout.parts()]
    limits = Limits("2026-10-01", "2026-01-01", "2026-10-01", "", {
        "rows": "", "sums": "", "visitors": "", "dnt": "", "size": "max_megabytes = 1"},
        most_bytes=sum(sizes[2:]))  # fmt: skip
    assert [day for day, _ in over_size(layout, limits)] == ["2026-11-03", "2026-11-04"]
    told = list(prune(layout, limits))
    assert told[0] == "events/day=2026-11-03: 1 parts summed up and deleted (max_megabytes = 1)"
    assert len(list(layout.parts())) == 4
    assert list((layout.counts / "day=2026-11-03").glob("sessions-*.jsonl"))


@pytest.mark.parametrize("verb", ["compact", "prune", "export", "minimise", "verify", "migrate"])
def test_help_has_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A call that can be copied, for each verb of the log."""
    with pytest.raises(SystemExit):
        main(["log", verb, "--help"])
    assert f"  consentgate log {verb}" in capsys.readouterr().out


def test_a_log_s_layout_can_be_checked(tmp_path: Path) -> None:
    """Where there is one its folders are made whole."""
    (tmp_path / "log").mkdir()
    Layout.of(tmp_path / "log").check()
    assert (tmp_path / "log" / "events").is_dir()
