"""Measures the proof: adding events to the tree, verifying a ledger, checking a receipt.

Run ``python -m benchmarks.proof``; ``--events`` sets how many (200,000), half of them grants.
Each figure is the best of the rounds: other work on the machine only ever makes it slower.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from consentgate.domain.events import Event, Kind, State
from consentgate.formats.proof.notes import Ed25519Signer
from consentgate.formats.proof.receipts import check
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.integrator import Integrator
from consentgate.ledger.proof.receipts import receipt_of
from consentgate.ledger.proof.verifying import verify
from consentgate.ledger.sqlite import SqliteLedger, connect

ORIGIN = "shop.example/privacy-choices"


def event(number: int) -> Event:
    """A grant or, every other time, a refusal."""
    is_grant = number % 2 == 0
    return Event(
        id=uuid.uuid4().hex,
        kind=Kind.GRANT if is_grant else Kind.REFUSE,
        state=State.GIVEN if is_grant else State.REFUSED,
        site="Example Shop",
        at_ms=1_790_000_000_000 + number,
        notice_hash="",
        language="en",
        policy_version="2026-11-01",
        meaning="0a0b0c0d0e0f",
        purposes={"functional": False, "statistics": is_grant, "marketing": False},
        services={},
        method="save" if is_grant else "reject",
        source="banner",
        signals=(),
        told=(),
        regime="DE",
        model="opt-in",
        expires_ms=1_800_000_000_000,
        subject=uuid.uuid4().hex if is_grant else "",
    )


def fill(path: Path, count: int) -> None:
    """Put events into a ledger's file at once; how fast that is is not measured here."""
    with contextlib.closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO event (id, at_ms, kind, subject, body) VALUES (?, ?, ?, ?, ?)",
            _rows(count),
        )
        connection.execute("COMMIT")


def _rows(count: int) -> Iterator[tuple[str, int, str, str, bytes]]:
    for number in range(count):
        one = event(number)
        yield one.id, one.at_ms, one.kind.value, one.subject, one.canonical()


def best(rounds: int, call: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def read_and_hash(ledger: SqliteLedger) -> None:
    """What nobody can do without: every row read, and two hashes for each."""
    after = 0
    while rows := ledger.rows(after, 8_192):
        for _, _, _, body in rows:
            one = hashlib.sha256(body).digest()
            hashlib.sha256(one + one).digest()
        after = rows[-1][0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    signer = Ed25519Signer(ORIGIN, bytes(range(32)))
    with TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.sqlite3")
        store = ProofFile(Path(folder) / "ledger.sqlite3.proof")
        fill(ledger.path, options.events)
        work = Integrator(ledger, store, origin=ORIGIN, signers=[signer], random_bytes=os.urandom)
        took = best(1, lambda: work.run(0))
        print(f"added to the tree: {options.events / took:,.0f} events/s, batches of 1,000")

        def verified() -> None:
            report = verify(ledger, store, keys=[signer.verifier])
            assert not report.findings, report.findings[:3]
            assert report.signed_size == options.events

        took = best(options.rounds, verified)
        bare = best(options.rounds, lambda: read_and_hash(ledger))
        print(
            f"verified: {options.events / took:,.0f} events/s, {bare / took:.2f} of reading and "
            f"hashing alone (SQLite {sqlite3.sqlite_version})"
        )
        _measure_receipts(ledger, store, signer, options.events // 3)


def _measure_receipts(
    ledger: SqliteLedger, store: ProofFile, signer: Ed25519Signer, at: int
) -> None:
    (leaf,) = store.leaves(at, 1)
    vkey = str(signer.verifier)
    took = best(20, lambda: receipt_of(ledger, store, leaf.id, vkey=vkey))
    text = receipt_of(ledger, store, leaf.id, vkey=vkey) or ""
    print(f"made a receipt: {took * 1e3:.2f} ms, {len(text.encode()):,} bytes")
    assert check(text).is_proven
    print(f"checked a receipt: {best(200, lambda: check(text)) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
