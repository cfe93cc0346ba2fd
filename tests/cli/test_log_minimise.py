"""The command ``consentgate log minimise``, as an operator calls it: files, streams and mistakes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from consentgate.cli import main
from consentgate.cli.progress import Progress
from consentgate.imported_logs.files import stream_blocks, whole_lines
from tests.formats.test_imported_lines import CADDY, PLAIN

ROOT = Path(__file__).resolve().parent.parent.parent
LINES = [PLAIN, PLAIN.replace("/a?b=1", "/user/jane?mail=jane@example.com"), json.dumps(CADDY)]
RAW = "".join(f"{line}\n" for line in LINES)
PERSONAL = ("203.0.113", "jane", "Gecko", "b=1", "news.example/a")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(RAW, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> int:
    return main(["log", "minimise", *map(str, arguments)])


def piped(*arguments: str, data: bytes, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "consentgate", "log", "minimise", *arguments],
        cwd=ROOT,
        input=data,
        capture_output=True,
        timeout=60,
        env={**os.environ, **more},
    )


@pytest.mark.requirement("LOG-01", "LOG-02")
def test_a_file_is_minimised_whole(log: Path, tmp_path: Path) -> None:
    """Each line is a record, nothing personal is left, and the file is not for everybody."""
    output = tmp_path / "out.jsonl"
    assert run(log, "--output", output, "--host", "shop.example", "--route", "/a") == 0
    text = output.read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["route"] for record in records] == ["(unmatched)", "/a", "/a"]
    assert [value for value in PERSONAL if value in text] == []
    assert output.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob("*.unfinished"))


def test_again_gives_the_same_bytes(log: Path, tmp_path: Path) -> None:
    """Whatever was there before, and in however many processes."""
    output = tmp_path / "out.jsonl"
    outputs = set()
    for more in ((), (), ("--jobs", "2")):
        assert run(log, log, "--output", output, *more) == 0
        outputs.add(output.read_bytes())
    assert len(outputs) == 1


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_compressed_logs_are_read(
    log: Path, tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """By their names, as logrotate leaves them."""
    import bz2
    import lzma

    pack = {
        ".gz": gzip.compress,
        ".zst": zstandard.ZstdCompressor().compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
    }[suffix]
    packed = tmp_path / f"access.log.1{suffix}"
    packed.write_bytes(pack(log.read_bytes()))
    assert run(packed) == 0
    assert len(capfd.readouterr().out.splitlines()) == 3


def test_a_damaged_archive_leaves_no_output(
    log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One clear error, and what was there before stays."""
    packed, output = tmp_path / "access.log.gz", tmp_path / "out.jsonl"
    packed.write_bytes(gzip.compress(log.read_bytes())[:-20])
    output.write_text("before")
    assert run(packed, "--output", output) == 2
    assert f"{packed}: cannot be read to its end" in capfd.readouterr().err
    assert output.read_text() == "before"
    assert not list(tmp_path.glob("*.unfinished"))


def test_zst_without_its_library_says_what_to_install(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error names the extra and a way round."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert run(log.rename(log.with_suffix(".zst"))) == 2
    error = capfd.readouterr().err
    assert 'pip install "consentgate[cli]"' in error
    assert "zstd -dc" in error


@pytest.mark.requirement("LOG-07")
def test_bad_lines_are_named_and_never_shown(
    log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """File and line, a reason, status 1; the output holds the good lines."""
    bad = [
        b"\x1b[31m203.0.113.77",
        b"\x00\xff",
        b"=cmd|'jane'",
        RAW[:50].encode(),
        b"y" * 2_000_000,
    ]
    log.write_bytes(b"\n".join([RAW.encode().strip(), *bad]))
    output = tmp_path / "out.jsonl"
    assert run(log, "--output", output) == 1
    error = capfd.readouterr().err
    assert [f"{log}:{number}: dropped:" in error for number in range(3, 9)] == [False] + [True] * 5
    assert "8 lines read, 3 minimised, 5 dropped" in error
    assert not [value for value in (*PERSONAL, "\x1b", "cmd", "yyy") if value in error]
    assert len(output.read_text().splitlines()) == 3


def test_only_the_first_bad_lines_are_named(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file of another kind does not flood the terminal."""
    log.write_text("nonsense\n" * 1_000)
    assert run(log) == 1
    error = capfd.readouterr().err
    assert error.count("dropped:") == 20
    assert "1000 dropped" in error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["missing.log"], "missing.log: no such file"),
        (["-", "-"], "standard input can be read once"),
        (["LOG", "--output", "LOG"], "cannot be --output as well"),
        (["LOG", "--jobs", "0"], "--jobs 0: expected 1 or more"),
        (["LOG", "--route", "a"], "such as /products/{id}"),
        (["LOG", "--output", "/nowhere/out"], "/nowhere/out: cannot be written"),
        (["LOG", "--policy", "missing.toml"], "missing.toml"),
    ],
)
def test_a_mistake_is_one_clear_error(
    log: Path, arguments: list[str], error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 2, what is wrong and what was expected."""
    assert run(*(str(log) if word == "LOG" else word for word in arguments)) == 2
    assert error in capfd.readouterr().err


def test_a_stream_is_minimised() -> None:
    """Standard input to standard output, as a server pipes its log."""
    done = piped("--as", "combined", data=RAW.encode())
    assert done.returncode == 0
    assert done.stdout.count(b"100:: - - [02/Oct/2026:13:00:00 +0000]") == 3
    assert b"3 lines read, 3 minimised, none dropped" in done.stderr


def test_a_reader_that_leaves_is_no_accident(log: Path) -> None:
    """``| head`` ends the work without a traceback."""
    log.write_text(RAW * 30_000)
    command = (
        f"{sys.executable} -m consentgate log minimise {log} | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[1] == "1"
    assert done.stderr == ""


def test_lines_of_a_stream_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come is handed on after a while, though the pipe stays open."""
    monkeypatch.setattr("consentgate.imported_logs.files.IDLE_SECONDS", 0.05)
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\nthr")
    blocks = stream_blocks(reader)
    assert next(blocks).pieces == [b"one\ntwo\n"]
    os.write(writer, b"ee\n")
    assert next(blocks) == ([b"three\n"], len("one two three "))
    os.close(writer)
    assert list(blocks) == []
    os.close(reader)


def test_an_endless_line_takes_bounded_memory() -> None:
    """It is handed on cut off, counts as one line, and the next line is whole."""
    parts = iter([[b"a\n", *[b"x" * 500_000] * 5], [b"x" * 500_000] * 5, [b"x\nb\nc"]])
    found = list(whole_lines(lambda: next(parts, [])))
    assert [list(map(len, pieces)) for pieces in found] == [[2, 1_048_578], [2], [2]]


def test_progress_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    """Name, share and speed."""
    monkeypatch.setattr("consentgate.cli.progress._FILE_SECONDS", -1.0)
    progress = Progress()
    progress.begin(str(log))
    progress.tell(log.stat().st_size // 2, 1_234)
    progress.end()
    assert f"{log}, 49 % of it: 1,234 lines" in capfd.readouterr().err.replace("50 %", "49 %")


def test_a_policy_says_routes_and_fields(log: Path, tmp_path: Path) -> None:
    """The site's own templates, and no field that it does not keep."""
    policy, output = tmp_path / "consentgate.toml", tmp_path / "out.jsonl"
    assert main(["init", str(policy)]) == 0
    text = policy.read_text(encoding="utf-8")
    head, mark, rest = text.partition("[log]\n")
    assert mark
    more = 'routes = ["/user/{name}"]\nfields = ["route", "status"]\n'
    policy.write_text(head + mark + more + rest, encoding="utf-8")
    assert run(log, "--policy", policy, "--output", output) == 0
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert {"/user/{name}", "(unmatched)"} == {record["route"] for record in records}
    assert set(records[0]) == {"ts", "grain", "tier", "v", "route", "status"}


def test_without_a_policy_the_usual_query_fields_are_kept(tmp_path: Path) -> None:
    """With --tier T1, as the site's own log keeps them where its policy says nothing."""
    source, output = tmp_path / "access.log", tmp_path / "out.jsonl"
    source.write_text(LINES[0].replace("?b=1", "?b=1&utm_source=news"))
    assert run(source, "--tier", "T1", "--output", output) == 0
    assert json.loads(output.read_text())["q"] == {"utm_source": "news"}
