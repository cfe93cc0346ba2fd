"""The command ``consentgate log export``: the site log for other programs, tried with them."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consentgate.cli import main
from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.day_files import JsonLines, Parquet
from consentgate.log.keeping.reading import rows_of_log
from consentgate.log.keeping.segment_lines import Found
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile
from consentgate.log.writing.standard_output import StandardOutput
from tests.formats.test_access_line import GRANTED, MACHINE, PERSON, RECORDS
from tests.programs import needed

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy file beside its log, which holds three records, one of them compacted."""
    path = tmp_path / "consentgate.toml"
    assert main(["init", str(path)]) == 0
    text = path.read_text(encoding="utf-8").replace("var/log", str(tmp_path / "log"))
    path.write_text(text, encoding="utf-8")
    for record in RECORDS:
        sink = SegmentFile(tmp_path / "log")
        sink.write(record)
        if record is PERSON:
            sink.close()
            compact(Layout.of(tmp_path / "log"))
    return path


def facts(rows: list[Any]) -> list[str]:
    """The rows in an order that depends on what they say alone.

    Without the sizes and durations of T0, which compaction deals out anew.
    """
    said = [
        {key: row[key] for key in row if row["tier"] != "T0" or key not in ("bytes", "dur_us")}
        for row in rows
    ]
    return sorted(json.dumps(row, sort_keys=True) for row in said)


def run(*arguments: str | Path) -> int:
    return main(["log", "export", *map(str, arguments)])


def test_the_whole_log_is_exported(policy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Compacted, closed and live rows; fields as they were noted."""
    assert run("--policy", policy, "--to", "jsonl") == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()[-3:]]
    assert facts(rows) == facts(RECORDS)


def test_tiers_and_days_are_chosen(policy: Path, tmp_path: Path) -> None:
    """Only what was asked for, in a file that appears whole."""
    output = tmp_path / "out.csv"
    assert run("--policy", policy, "--to", "csv", "--tier", "TB", "--output", output) == 0
    header, line = csv.reader(output.read_text().splitlines())
    assert dict(zip(header, line, strict=True))["bot"] == "Googlebot"
    assert run("--policy", policy, "--to", "csv", "--from", "2026-10-02", "--output", output) == 0
    assert len(output.read_text().splitlines()) == 1


@pytest.mark.parametrize("form", [JsonLines(), Parquet()], ids=["gz", "parquet"])
def test_both_kinds_of_parts_are_read(form: JsonLines | Parquet, tmp_path: Path) -> None:
    """Gzipped lines and Parquet hold the same rows."""
    sink = SegmentFile(tmp_path)
    for record in RECORDS:
        sink.write(record)
    sink.close()
    layout = Layout.of(tmp_path)
    compact(layout, form=form)
    rows = list(rows_of_log(layout, Found()))
    assert facts(rows) == facts(RECORDS)
    (part,) = (path for _, path in layout.parts())
    output = tmp_path / "out"
    assert run(part, "--to", "jsonl", "--output", output) == 0
    assert len(output.read_text().splitlines()) == 3


@pytest.mark.requirement("LOG-07")
def test_what_is_no_record_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Named by file and line, never shown; status 1."""
    path = tmp_path / "x.jsonl"
    good = json.dumps(PERSON)
    path.write_text(
        f'{{"schema":"cg1"}}\n{good}\n203.0.113.7 \x1b[31m\n{good[:40]}\n{{"ip":"jane"}}\n'
    )
    assert run(path, "--to", "combined") == 1
    told = capfd.readouterr()
    assert told.out.count("\n") == 1
    assert [f"x.jsonl:{number}: left out" in told.err for number in range(2, 6)] == [
        *(False, True, True, True)
    ]
    assert "203" not in told.err + told.out
    assert "jane" not in told.err + told.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--policy", "missing.toml"], "missing.toml"),
        (["missing.jsonl"], "missing.jsonl: cannot be read"),
        (["-", "-"], "can be read once"),
        (["FILE", "--output", "/nowhere/x"], "/nowhere/x: cannot be written"),
        (["BAD"], "bad.jsonl.gz: cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_error(
    arguments: list[str], error: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and no output."""
    good, bad = tmp_path / "x.jsonl", tmp_path / "bad.jsonl.gz"
    good.write_text(json.dumps(PERSON) + "\n")
    bad.write_bytes(gzip.compress(b"x" * 100)[:-10])
    names = {"FILE": str(good), "BAD": str(bad)}
    assert run("--to", "csv", *(names.get(word, word) for word in arguments)) == 2
    assert error in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("source", ["export", "minimise"])
def test_goaccess_reads_every_line(source: str, tmp_path: Path) -> None:
    """The real program finds no line that it cannot read, and knows pages, browsers and crawlers."""
    from tests.formats.test_imported_lines import PLAIN

    log, report = tmp_path / "combined.log", tmp_path / "report.json"
    records, raw = tmp_path / "x.jsonl", tmp_path / "access.log"
    odd = [
        {**GRANTED, "method": "_OTHER"},
        {**GRANTED, "path": '/a "b" ü'},
        {**PERSON, "ref_class": "ai"},
    ]
    records.write_text("".join(json.dumps(record) + "\n" for record in [*RECORDS, *odd]))
    agents = ("Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.0", "-")
    raw.write_text("".join(PLAIN.replace("Mozilla/5.0", agent) + "\n" for agent in agents) * 2)
    if source == "export":
        assert run(records, "--to", "combined", "--output", log) == 0
    else:
        arguments = [str(raw), "--as", "combined", "--output", str(log)]
        assert main(["log", "minimise", *arguments]) == 0
    subprocess.run(
        [
            *(needed("goaccess"), str(log), "--log-format=COMBINED", "--no-global-config"),
            *("--no-progress", "-o", str(report)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    told = json.loads(report.read_text())
    assert (told["general"]["valid_requests"], told["general"]["failed_requests"]) == (6, 0)
    browsers = {row["data"] for row in told["browsers"]["data"]}
    assert "Crawlers" in browsers
    assert source == "minimise" or "Firefox" in browsers


def test_a_collector_is_fed_line_by_line() -> None:
    """What the server prints, in the collector's names, at once; other lines are left out."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consentgate", "log", "export", "--to", "ecs", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(b"INFO: started\n" + json.dumps(MACHINE).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["labels"]["bot"] == "Googlebot"
        process.stdin.close()
        assert process.wait(timeout=20) == 1


def test_standard_output_gets_one_line_a_record() -> None:
    """One write each; a reader that is gone loses records, and nothing raises."""
    reader, writer = os.pipe()
    sink = StandardOutput(writer)
    for record in RECORDS:
        sink.write(record)
    lines = os.read(reader, 65_536).splitlines()
    assert [json.loads(line) for line in lines] == RECORDS
    os.close(reader)
    sink.write(PERSON)
    sink.write({"x": object()})
    assert sink.lost == 2
    os.close(writer)


def test_a_full_pipe_does_not_stop_the_site() -> None:
    """A collector that hangs: records are counted as lost, the next line begins anew."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink = StandardOutput(writer)
    while not sink.lost:
        sink.write(GRANTED)
    os.read(reader, 65_536)
    sink.write(PERSON)
    assert json.loads(os.read(reader, 65_536).splitlines()[-1]) == PERSON
    os.close(reader)
    os.close(writer)


def test_verbs_of_a_folder_say_that_there_is_none(
    policy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`directory = "-"`: whoever collects the lines keeps them."""
    text = policy.read_text(encoding="utf-8").replace(str(tmp_path / "log"), "-")
    policy.write_text(text, encoding="utf-8")
    assert run("--policy", policy, "--to", "csv") == 2
    assert "goes to standard output" in capfd.readouterr().err
