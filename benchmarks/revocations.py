"""Measures what ended grants cost a request: ``python -m benchmarks.revocations``.

Medians at none and at a million ended grants: of the check itself, of reading a token for the
first time, and of one that is remembered, which asks no more. Then the memory the million takes,
and how long a start reads a ledger of a million choices, half of which end one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from consentgate.asgi.faults import Faults
from consentgate.asgi.revoking.marks import Marks, mark_of
from consentgate.asgi.revoking.revocations import Revocations
from consentgate.domain.choices import Choice
from consentgate.formats.token import TokenCodec
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.sqlite import SqliteLedger, connect
from tests.events import grant, refusal
from tests.policies import SHOP

TARGET_MICROSECONDS = 0.5
NOW = 1_795_000_000
One = TypeVar("One")
MANY = 1_000_000
ROUNDS, CALLS = 30, 2_000


def marks(count: int) -> Iterator[bytes]:
    """Marks of made-up ids."""
    return (hashlib.sha256(b"%d" % number).digest()[:12] for number in range(count))


def median(call: Callable[[One], object], over: Sequence[One]) -> float:
    """Microseconds a call takes, without the loop's own: the median of rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.thread_time_ns()
        for one in over:
            call(one)
        times.append((time.thread_time_ns() - started) / len(over) / 1_000)
    return statistics.median(times)


def measure(ended: int) -> None:
    """Print the three medians with so many ended grants."""
    plan = Plan(SHOP)
    codec = TokenCodec([os.urandom(32)], audience="shop")
    known = Revocations(MemoryLedger(), Faults(), lifetime_days=180)
    known._marks, known._loaded_at = Marks(marks(ended)), time.time()
    reader = TokenReader(codec, {}, plan.meaning, known)
    plain = TokenReader(codec, {}, plan.meaning)
    everything = {key: True for key, _ in plan.meaning.purposes}
    choices = [
        Choice(made_at=NOW, purposes=everything, id=os.urandom(16).hex()) for _ in range(CALLS)
    ]
    tokens = [codec.sign(choice, plan.meaning).encode() for choice in choices]
    loop = median(lambda one: None, choices)
    print(f"{ended:>9} ended: the check {median(known.has, choices) - loop:.2f} µs", end="; ")
    first, bare = median(reader._choice, tokens), median(plain._choice, tokens)
    print(f"a token read for the first time {first:.2f} µs, {bare:.2f} without", end="; ")
    reader.read(tokens[:1], NOW)
    print(f"again {median(lambda one: reader.read(tokens[:1], NOW), tokens) - loop:.2f} µs")
    known.close()


def measure_start() -> None:
    """Print how long a start reads a ledger of a million choices."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.sqlite3")
        asyncio.run(ledger.append(grant()))
        ledger.close()
        given, ends = grant().canonical(), refusal(ends=(mark_of("x").hex(),))
        with connect(Path(folder) / "ledger.sqlite3") as connection:
            connection.execute("BEGIN")
            rows = (
                (
                    os.urandom(16).hex(),
                    given if number % 2 else replace(ends, ends=(mark.hex(),)).canonical(),
                )
                for number, mark in enumerate(marks(MANY))
            )
            connection.executemany(
                "INSERT INTO event (id, at_ms, kind, subject, body) VALUES (?, 0, 'grant', '', ?)",
                rows,
            )
            connection.execute("COMMIT")
        known = Revocations(ledger, Faults(), lifetime_days=180, clock=lambda: NOW)
        started = time.process_time()
        known.load()
        print(
            f"reading {MANY} choices at the start: {time.process_time() - started:.1f} s CPU",
            end="",
        )
        print(f", of which {known.count} ended a grant")


def measure_memory() -> None:
    """Print what a million marks take."""
    tracemalloc.start()
    kept = Marks(marks(MANY))
    print(f"memory of {kept.count}: {tracemalloc.get_traced_memory()[0] / 1e6:.1f} MB")
    tracemalloc.stop()


if __name__ == "__main__":
    measure(0)
    measure(MANY)
    measure_memory()
    measure_start()
