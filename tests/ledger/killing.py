"""Kills writers, and a database server, again and again: what was acknowledged must be there.

``python -m tests.ledger.killing --rounds 200`` does the whole; the tests do a short part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from consentgate.ledger.opening import open_ledger
from tests.events import refusal
from tests.postgres import Postgres, running

ROOT = Path(__file__).resolve().parent.parent.parent
WRITERS = 3


@dataclass
class Outcome:
    """What rounds have shown."""

    acknowledged: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)

    @property
    def lost(self) -> set[str]:
        """Acknowledged and not there."""
        return self.acknowledged - set(self.kept)

    @property
    def doubled(self) -> int:
        """Events that are there more than once."""
        return sum(count - 1 for count in Counter(self.kept).values())

    def __str__(self) -> str:
        return (
            f"{len(self.acknowledged)} acknowledged, {len(self.kept)} kept, "
            f"{len(self.lost)} lost, {self.doubled} twice"
        )


def started(url: str, spool: Path, mode: str) -> subprocess.Popen[bytes]:
    """A writer in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.writer", mode, url, str(spool)],
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
    """What is left in the pipe of one that is dead."""
    assert writer.stdout is not None
    with writer.stdout as pipe:
        return pipe.read()


def killed_round(
    url: str,
    spool: Path,
    seconds: float,
    mode: str = "ledger",
    crashes: Postgres | None = None,
) -> set[str]:
    """Start writers, kill them one after another, and give back what they acknowledged.

    Args:
        url: of the ledger.
        spool: folder for refusals.
        seconds: how long they write.
        mode: of the writers.
        crashes: a server that crashes in the middle and comes back.
    """
    writers = [started(url, spool, mode) for _ in range(WRITERS)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.read(6) == b"ready\n"
        said = read_for(seconds, writers)
        if crashes is not None:
            crashes.stop(signal.SIGQUIT)
            crashes.start()
            more = read_for(0.3, writers)
            said = {key: text + more[key] for key, text in said.items()}
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


def kept(url: str, spool: Path) -> list[str]:
    """Ids of all events, once what waited has been taken in."""
    ledger = open_ledger(url, spool=str(spool))
    asyncio.run(ledger.append(refusal()))
    found = [event.id for event in ledger.events()]
    ledger.close()
    return found


def rounds(
    url: str, spool: Path, count: int, chance: random.Random, server: Postgres | None = None
) -> Outcome:
    """Kill as often as that; where there is a server of our own, it crashes in every third."""
    outcome = Outcome()
    for number in range(count):
        crashes = server if number % 3 == 2 else None
        outcome.acknowledged |= killed_round(url, spool, chance.uniform(0.02, 0.5), crashes=crashes)
    outcome.kept = kept(url, spool)
    return outcome


def main() -> int:
    """Both stores and their controls; 1 where something was lost or a control shows nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="for both stores together")
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, running() as server:
        folder = Path(name)
        urls = {"SQLite": f"sqlite:{folder}/ledger.sqlite3", "PostgreSQL": server.new()}
        is_right = True
        for store, url in urls.items():
            crashes = server if store == "PostgreSQL" else None
            spool = folder / f"spool-{store}"
            outcome = rounds(url, spool, options.rounds // 2, chance, crashes)
            print(f"{store}: {options.rounds // 2} rounds of {WRITERS} writers: {outcome}")
            is_right &= not outcome.lost and not outcome.doubled
            control = Outcome(killed_round(url, spool, 0.3, "liar"))
            control.kept = kept(url, spool)
            print(f"{store}, control (acknowledges before the commit): {control}")
            is_right &= bool(control.lost)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
