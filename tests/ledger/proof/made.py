"""Ledgers with a proof, made for tests: events appended, integrated and signed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from consentgate.domain.events import Event
from consentgate.formats.proof.notes import Ed25519Signer
from consentgate.ledger import Ledger
from consentgate.ledger.proof import ProofStore
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.integrator import Integrator
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal

ORIGIN = "shop.example/privacy-choices"
SIGNER = Ed25519Signer(ORIGIN, bytes(range(32)))
NOTICE = b"<p>May we count visits?</p>"
NOTICE_HASH = hashlib.sha256(NOTICE).hexdigest()
NOW_MS = 1_790_000_000_000


def events(count: int) -> list[Event]:
    """Grants and refusals in turn, a second apart, under one notice."""
    make = (grant, refusal)
    return [
        make[number % 2](notice_hash=NOTICE_HASH, at_ms=NOW_MS + number * 1_000)
        for number in range(count)
    ]


def append(ledger: Ledger, *given: Event) -> None:
    """Append events one after the other."""

    async def all_of_them() -> None:
        await asyncio.gather(*(ledger.append(event) for event in given))

    # In a thread of its own: tests of pages have a loop running in theirs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(all_of_them())).result()


def integrator(ledger: Ledger, store: ProofStore, batch: int = 1_000) -> Integrator:
    """An integrator with the tests' key."""
    return Integrator(
        ledger, store, origin=ORIGIN, signers=[SIGNER], random_bytes=os.urandom, batch=batch
    )


def proven(folder: Path, *sizes: int) -> tuple[SqliteLedger, ProofFile]:
    """A SQLite ledger that was signed at each of the sizes."""
    ledger = SqliteLedger(folder / "ledger.sqlite3")
    store = ProofFile(folder / "ledger.sqlite3.proof")
    ledger.save(notices={NOTICE_HASH: NOTICE}, meanings={})
    before = 0
    given = events(max(sizes))
    for size in sizes:
        append(ledger, *given[before:size])
        integrator(ledger, store).run(NOW_MS + size)
        before = size
    return ledger, store
