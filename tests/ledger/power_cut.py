"""Cuts the power in simulation: a disk keeps what a finished sync covered, and chance the rest.

A writer runs with a library before it that records every write, sync and cut of its files. At any
point of that record the disk is made as it may have been left: ``strict`` has nothing that was not
synced, ``torn`` has some of the later sectors too, whichever. What was removed stays removed once
anything was synced after it, as on file systems with a journal. The ledger is opened on that disk,
and every choice acknowledged before the cut must be there.

``python -m tests.ledger.power_cut --cuts 120`` does the whole; the tests do a short part of it.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from consentgate.ledger.sqlite import SqliteLedger
from tests.programs import needed

ROOT = Path(__file__).resolve().parent.parent.parent
SECTOR = 512
_HEAD = struct.Struct("=IIQQ")
_NAME = "ledger.sqlite3"


class Act(NamedTuple):
    """One thing that the writer did."""

    kind: str
    """``W`` writes, ``T`` cuts to a size, ``U`` removes, ``S`` syncs, ``A`` acknowledges."""
    name: str
    offset: int
    data: bytes


@dataclass
class Found:
    """What a number of cuts have shown."""

    cuts: int = 0
    with_losses: int = 0
    most_lost: int = 0
    damaged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts, {self.with_losses} of them lost something (at most "
            f"{self.most_lost}), {self.damaged} left a damaged file"
        )


def recorded(folder: Path, mode: str, seconds: float) -> list[Act]:
    """Let a writer run for a while, kill it, and give back what it did."""
    library, record, disk = folder / "recorder.so", folder / f"record-{mode}", folder / mode
    if not library.exists():
        source = Path(__file__).with_name("recorder.c")
        command = ["-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl", "-lpthread"]
        subprocess.run([needed("cc"), *command], check=True)
    disk.mkdir()
    settings = {
        "LD_PRELOAD": str(library),
        "RECORD_TO": str(record),
        "RECORD_UNDER": str(disk.resolve()),
    }
    url = f"sqlite:{disk.resolve()}/{_NAME}"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.writer", mode, url, str(disk / "spool")],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            writer.stdout.readline()
        writer.kill()
    return list(_acts(record.read_bytes()))


def _acts(record: bytes) -> Iterator[Act]:
    at = 0
    while at + _HEAD.size <= len(record):
        kind, name_size, offset, size = _HEAD.unpack_from(record, at)
        at += _HEAD.size
        name = record[at : at + name_size].decode()
        at += name_size
        yield Act(chr(kind), name, offset, record[at : at + size])
        at += size


def left_by(acts: list[Act], cut: int, chance: random.Random | None) -> dict[str, bytes]:
    """The files as a power cut after that many acts may leave them.

    Args:
        acts: in order.
        cut: how many of them happened.
        chance: decides which sectors reached the disk without a sync; None: none did.
    """
    synced = {act.name: place for place, act in enumerate(acts[:cut]) if act.kind == "S"}
    last = max(synced.values(), default=0)
    disk: dict[str, bytearray] = {}
    for place, act in enumerate(acts[:cut]):
        if act.kind == "U":
            if place < last or (chance is not None and chance.random() < 0.5):
                disk.pop(act.name, None)
        elif act.kind in "WT" and act.name in synced:
            body = disk.setdefault(act.name, bytearray())
            if place < synced[act.name]:
                _apply(body, act)
            elif chance is not None:
                _apply_some(body, act, chance)
    return {name: bytes(body) for name, body in disk.items()}


def _apply(body: bytearray, act: Act) -> None:
    if act.kind == "T":
        del body[act.offset :]
        body.extend(bytes(act.offset - len(body)))
        return
    body.extend(bytes(max(0, act.offset + len(act.data) - len(body))))
    body[act.offset : act.offset + len(act.data)] = act.data


def _apply_some(body: bytearray, act: Act, chance: random.Random) -> None:
    if act.kind == "T":
        if chance.random() < 0.5:
            _apply(body, act)
        return
    for start in range(0, len(act.data), SECTOR):
        if chance.random() < 0.5:
            part = act.data[start : start + SECTOR]
            _apply(body, act._replace(offset=act.offset + start, data=part))


def judge(acts: list[Act], folder: Path, cuts: int, chance: random.Random) -> Found:
    """Cut the power that often, half of the time strictly."""
    found = Found()
    first = next(place for place, act in enumerate(acts) if act.kind == "A" and len(act.data) > 30)
    for number in range(cuts):
        cut = chance.randint(first + 1, len(acts))
        disk = Path(tempfile.mkdtemp(dir=folder))
        for name, body in left_by(acts, cut, chance if number % 2 else None).items():
            if not name.endswith("-shm"):  # never read again once nobody has it open
                (disk / name).write_bytes(body)
        told = b"".join(act.data for act in acts[:cut] if act.kind == "A").decode().split()
        acknowledged = {line for line in told if len(line) == 32}
        found.cuts += 1
        try:
            kept = {event.id for event in SqliteLedger(disk / _NAME).events()}
            with sqlite3.connect(disk / _NAME) as connection:
                is_whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            connection.close()
        except Exception:
            kept, is_whole = set(), False
        lost = len(acknowledged - kept)
        found.with_losses += bool(lost)
        found.most_lost = max(found.most_lost, lost)
        found.damaged += not is_whole
    return found


def main() -> int:
    """The ledger and the control; 1 where the ledger lost something or the control did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each writer runs")
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for mode in ("ledger", "careless"):
            acts = recorded(Path(name), mode, options.seconds)
            found[mode] = judge(acts, Path(name), options.cuts, chance)
            print(f"{mode}: {len(acts)} acts recorded; {found[mode]}")
    is_right = not found["ledger"].with_losses and not found["ledger"].damaged
    return 0 if is_right and found["careless"].with_losses else 1


if __name__ == "__main__":
    sys.exit(main())
