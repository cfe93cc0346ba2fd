"""Owns the integrator: it reads events behind the write path and adds them to the tree.

One process at a time does it, whoever gets the lock. It never signs a tree that is smaller than
one signed before, or another: then it stops and says so (C2SP tlog-checkpoint, "Signatures").
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from consentgate.errors import ProofError
from consentgate.formats.proof.checkpoints import Checkpoint, checkpoint_of
from consentgate.formats.proof.leaves import SALT_BYTES, has_subject, leaf_of
from consentgate.formats.proof.merkle import leaf_hash, range_hash
from consentgate.formats.proof.notes import Signer, open_note, sign
from consentgate.formats.proof.tiles import subtree_in_tiles, tiles_after
from consentgate.ledger import Ledger, Row
from consentgate.ledger.proof import Leaf, Position, ProofStore, Signed

BATCH = 1_000
HURRY_SECONDS = 0.5
"""The shortest pause between two runs."""


class Integrator:
    """Extends the tree of one ledger and signs what it has become."""

    def __init__(
        self,
        ledger: Ledger,
        store: ProofStore,
        *,
        origin: str,
        signers: Sequence[Signer],
        random_bytes: Callable[[int], bytes],
        batch: int = BATCH,
    ) -> None:
        """Take what it works on.

        Args:
            ledger: whose events are read.
            store: where the proof is kept.
            origin: names the log in its checkpoints; stays the same for the log's life.
            signers: keys that sign checkpoints; none: nothing is signed.
            random_bytes: gives salts, such as ``os.urandom``.
            batch: events in one transaction.
        """
        self._ledger = ledger
        self._store = store
        self._origin = origin
        self._signers = signers
        self._random_bytes = random_bytes
        self._batch = batch

    def run(self, now_ms: int) -> int | None:
        """Add every event there is by now and sign the tree; how many were added.

        Args:
            now_ms: stands beside the checkpoint; milliseconds since the epoch, UTC.

        Returns:
            None where another process is at it.

        Raises:
            ProofError: the ledger no longer holds what the tree was made of, or the tree is not
                the one that was signed; nothing was added or signed.
            LedgerUnavailable: ledger or proof cannot be read or written now.
        """
        with self._store.elected() as is_elected:
            if not is_elected:
                return None
            added = 0
            while step := self._step():
                added += step
                if step < self._batch:
                    break
            self._sign(now_ms)
            return added

    def _step(self) -> int:
        position = self._store.position()
        rows = self._new_rows(position)
        if not rows:
            return 0
        leaves = [
            Leaf(index, number, name, self._salt(body))
            for index, (number, name, _, body) in enumerate(rows, position.size)
        ]
        hashes = [
            leaf_hash(leaf_of(row[3], leaf.salt)) for row, leaf in zip(rows, leaves, strict=True)
        ]
        self._store.extend(leaves, tiles_after(self._store.tile, position.size, hashes))
        return len(rows)

    def _salt(self, body: bytes) -> bytes | None:
        return self._random_bytes(SALT_BYTES) if has_subject(body) else None

    def _new_rows(self, position: Position) -> Sequence[Row]:
        """What follows the last leaf, once that is still where it was."""
        last = position.last
        if last is None:
            return self._ledger.rows(0, self._batch)
        rows = self._ledger.rows(last.number - 1, self._batch + 1)
        if not rows or rows[0][:2] != (last.number, last.id):
            raise ProofError(
                f"event {last.id}, the last that was proven, is not in the ledger any more: it was "
                "cut off, changed or restored from an older copy; run consentgate ledger verify"
            )
        return rows[1:]

    def _sign(self, now_ms: int) -> None:
        size = self._store.position().size
        before = self._store.last_checkpoint()
        if not self._signers or not size or (before is not None and before.size == size):
            return
        subtree = subtree_in_tiles(self._store.tile)
        if before is not None:
            signed = checkpoint_of(open_note(before.note, ()).text)
            if size < before.size or range_hash(subtree, 0, before.size) != signed.root:
                raise ProofError(
                    f"the tree is not the one that was signed at {before.size} events; nothing "
                    "was signed; run consentgate ledger verify"
                )
        root = range_hash(subtree, 0, size)
        text = Checkpoint(origin=self._origin, size=size, root=root).text()
        self._store.sign(Signed(size, now_ms, sign(text, self._signers)))


class BackgroundIntegrator:
    """A thread that runs the integrator every few seconds, in each process; one is elected."""

    def __init__(
        self,
        integrator: Integrator,
        *,
        every_seconds: float,
        clock_ms: Callable[[], int],
        failed: Callable[[Exception], None],
    ) -> None:
        """Start it.

        Args:
            integrator: what it runs.
            every_seconds: pause between two runs, and so the largest delay of a receipt.
            clock_ms: milliseconds since the epoch.
            failed: hears what a run raised; the next run tries again.
        """
        self.pid = os.getpid()
        self._integrator = integrator
        self._every_seconds = every_seconds
        self._clock_ms = clock_ms
        self._failed = failed
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consentgate-proof", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Have the next run come within HURRY_SECONDS: somebody waits for a receipt."""
        self._wake.set()

    def stop(self) -> None:
        """Run a last time and end the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            self._wake.wait(self._every_seconds)
            self._wake.clear()
            is_over = self._stop.is_set()
            try:
                self._integrator.run(self._clock_ms())
            except Exception as error:  # a thread that dies would prove nothing any more
                self._failed(error)
            if not is_over:
                self._stop.wait(HURRY_SECONDS)
