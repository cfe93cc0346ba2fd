"""`kill -9`: whatever was acknowledged before it is in the ledger after it."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consentgate.ledger.sqlite import SqliteLedger

ROOT = Path(__file__).resolve().parent.parent.parent
WRITERS = 3


def started(path: Path, mode: str = "ledger") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.writer", mode, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


def read_for(seconds: float, writers: list[subprocess.Popen[bytes]]) -> dict[int, bytes]:
    """What each writer says within a time."""
    said = dict.fromkeys((writer.stdout.fileno() for writer in writers if writer.stdout), b"")
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        for handle in select.select(list(said), [], [], left)[0]:
            said[handle] += os.read(handle, 65_536)
    return said


def rest_of(writer: subprocess.Popen[bytes]) -> bytes:
    assert writer.stdout is not None
    with writer.stdout as pipe:
        return pipe.read()


def killed_round(path: Path, seconds: float, mode: str = "ledger") -> set[str]:
    """Start writers, kill them one after another, and give back what they acknowledged."""
    writers = [started(path, mode) for _ in range(WRITERS)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.read(6) == b"ready\n"
        said = read_for(seconds, writers)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
    acknowledged: set[str] = set()
    for writer in writers:
        assert writer.stdout is not None
        text = said[writer.stdout.fileno()] + rest_of(writer)
        writer.wait()
        acknowledged.update(line for line in text.decode().split("\n")[:-1] if len(line) == 32)
    return acknowledged


def kept(path: Path) -> list[str]:
    return [event.id for event in SqliteLedger(path).events()]


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Three processes write into one ledger, and are killed at a random moment, ten times."""
    path = tmp_path / "ledger.sqlite3"
    chance = random.Random(9)
    acknowledged: set[str] = set()
    for _ in range(10):
        acknowledged |= killed_round(path, chance.uniform(0.02, 0.5))
    found = kept(path)
    assert len(acknowledged) > 200
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_the_harness_sees_a_ledger_that_acknowledges_too_early(tmp_path: Path) -> None:
    """The control: where the acknowledgement comes before the commit, some are lost."""
    path = tmp_path / "ledger.sqlite3"
    acknowledged = killed_round(path, 0.3, "liar")
    assert acknowledged - set(kept(path))
