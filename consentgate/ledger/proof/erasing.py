"""Owns the erasure of a subject: who it was goes, what was proven stays provable.

The leaf of an event already says a salted commitment where the event says its subject. So the
event's bytes are replaced by its leaf, and the salt is forgotten: the tree, every checkpoint and
the visitor's own receipt still hold, and nobody can say any more whom the event was about.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from consentgate.errors import LedgerUnavailable
from consentgate.formats.proof.leaves import SALT_BYTES, leaf_of
from consentgate.ledger import Row
from consentgate.ledger.proof import ProofStore

WAIT_SECONDS = 10.0
"""How long the integrator's run of this moment is waited for."""
_PAUSE_SECONDS = 0.02

Redact = Callable[[Mapping[int, bytes]], None]
"""Replaces the bytes of rows by number, and empties their subjects, durably and for good."""


def erase(
    store: ProofStore,
    rows_of: Callable[[str], list[Row]],
    redact: Redact,
    subject: str,
) -> int:
    """Erase a subject from its events; how many there were.

    The integrator stands still meanwhile: it must not hash an event that is being replaced. The
    rows are replaced before the salts go, since a subject without its salt proves nothing; called
    again after a failure it goes on.

    Args:
        store: the proof of the ledger.
        rows_of: finds the subject's rows.
        redact: replaces them.
        subject: as the events name it.

    Raises:
        LedgerUnavailable: it could not be done now.
    """
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        with store.elected() as is_elected:
            if is_elected:
                return _erase(store, rows_of(subject), redact)
        if time.monotonic() >= ends:
            raise LedgerUnavailable(f"the tree has been extended for {WAIT_SECONDS} s; try again")
        time.sleep(_PAUSE_SECONDS)


def _erase(store: ProofStore, rows: list[Row], redact: Redact) -> int:
    if rows:
        redact({number: leaf_of(body, _salt(store, name)) for number, name, _, body in rows})
        store.forget_salts([row[1] for row in rows])
    return len(rows)


def _salt(store: ProofStore, event_id: str) -> bytes:
    """The salt under which the event was proven; before it is, one that nobody keeps."""
    leaf = store.leaf(event_id)
    return (leaf.salt if leaf else None) or os.urandom(SALT_BYTES)
