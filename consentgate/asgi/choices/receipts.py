"""Owns receipts on a running gate: events are proven behind the write path, and handed out.

The integrator runs in a thread of each process, and one process at a time is elected. It is started
in the process that serves, never before a fork. It never runs on the event loop.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from consentgate.asgi.faults import Faults
from consentgate.asgi.startup.proof_keys import Keys
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LedgerUnavailable, ProofError
from consentgate.ledger import Ledger
from consentgate.ledger.proof.integrator import BackgroundIntegrator, Integrator
from consentgate.ledger.proof.receipts import receipt_of

logger = logging.getLogger("consentgate")

EVERY_SECONDS = 10.0
"""How often what is new is proven while nobody asks for a receipt."""
_MOST_PENDING = 1_000
"""Rows behind the last proven one that are looked through for an event."""


class Receipts:
    """Proves events in the background and makes receipts of them."""

    def __init__(self, ledger: Ledger, keys: Keys, policy: Policy, faults: Faults) -> None:
        """Prepare; the thread starts with ``start``.

        Args:
            ledger: whose events are proven.
            keys: that sign.
            policy: says in receipts what is the same for everyone.
            faults: is told when nothing can be proven.
        """
        self.vkey = keys.vkey
        self._ledger = ledger
        self._keys = keys
        self._policy = policy
        self._faults = faults
        self._lock = threading.Lock()
        self._background: BackgroundIntegrator | None = None

    def start(self) -> None:
        """Have events proven from now on, in this process; called again it does nothing."""
        background = self._background
        if background is not None and background.pid == os.getpid():
            return
        with self._lock:
            background = self._background
            if background is None or background.pid != os.getpid():
                self._background = self._started()

    def stop(self) -> None:
        """Prove what is there and end the thread of this process."""
        background, self._background = self._background, None
        if background is not None and background.pid == os.getpid():
            background.stop()

    def newest_of(self, subject: str) -> str:
        """The id of the last event of a subject; empty where there is none.

        Raises:
            LedgerUnavailable: the ledger cannot be read now.
        """
        rows = self._ledger.rows_of(subject) if subject else ()
        return rows[-1][1] if rows else ""

    def of(self, event_id: str) -> str | None:
        """The receipt of an event; None while it is not proven yet, which then is hurried up.

        Raises:
            KeyError: there is no such event.
            ProofError: the ledger is not the one that was proven.
            LedgerUnavailable: ledger or proof cannot be read now.
        """
        store = self._ledger.proof
        text = receipt_of(self._ledger, store, event_id, vkey=self.vkey, policy=self._policy)
        if text is not None:
            return text
        if store.leaf(event_id) is None and not self._is_pending(event_id):
            raise KeyError(event_id)
        self.start()
        background = self._background
        if background is not None:
            background.hurry()
        return None

    def checkpoint(self) -> str:
        """The last checkpoint, a signed note; empty where nothing was signed yet.

        Raises:
            LedgerUnavailable: the proof cannot be read now.
        """
        signed = self._ledger.proof.last_checkpoint()
        return signed.note if signed else ""

    def _is_pending(self, event_id: str) -> bool:
        """Whether an event is among the rows that the tree does not hold yet."""
        last = self._ledger.proof.position().last
        rows = self._ledger.rows(last.number if last else 0, _MOST_PENDING)
        return any(row[1] == event_id for row in rows)

    def _started(self) -> BackgroundIntegrator:
        integrator = Integrator(
            self._ledger,
            self._ledger.proof,
            origin=self._keys.origin,
            signers=self._keys.signers,
            random_bytes=os.urandom,
        )
        return BackgroundIntegrator(
            integrator,
            every_seconds=EVERY_SECONDS,
            clock_ms=lambda: time.time_ns() // 1_000_000,
            failed=self._failed,
        )

    def _failed(self, error: Exception) -> None:
        """Say once what keeps events from being proven; choices go on meanwhile."""
        self._faults.count("proof_failed")
        if self._faults.counts["proof_failed"] == 1:
            is_told = isinstance(error, LedgerUnavailable | ProofError)
            told = str(error) if is_told else type(error).__name__
            logger.error("consentgate: nothing is proven for now, choices go on: %s", told)
