"""Owns the end of events: those whose time is over leave the ledger from its beginning.

Their hashes stay in the tree, so every receipt, also of a pruned event, still verifies. Only whole
beginnings go: an event in the middle waits until all before it may go too.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from consentgate.errors import ProofError
from consentgate.formats.proof.leaves import leaf_of
from consentgate.formats.proof.merkle import leaf_hash
from consentgate.formats.proof.tiles import WIDTH, hashes_of
from consentgate.ledger import Ledger, Row
from consentgate.ledger.proof import Leaf, ProofStore

DAY_MS = 86_400_000
_STEP = 4 * WIDTH


class Due(NamedTuple):
    """What may go."""

    events: int
    before: Leaf | None
    """The first leaf that stays; None: nothing may go, and nothing is left over."""
    oldest_ms: int
    newest_ms: int
    """Times of the first and the last event that may go."""


def due(ledger: Ledger, store: ProofStore, *, now_ms: int, retention_days: int) -> Due:
    """Find the events at the beginning whose retention is over; changes nothing.

    An event's time is over when it is that many days past what it says it holds until. The last
    leaf always stays: by it the integrator knows its ledger again.

    Raises:
        ProofError: an event is not the one that was proven; pruning would hide that.
    """
    over_ms = now_ms - retention_days * DAY_MS
    position = store.position()
    first = next(iter(store.leaves(0, 1)), None)
    count, oldest_ms, newest_ms = 0, 0, 0
    at = position.pruned
    while at < position.size - 1:
        leaves = store.leaves(at, min(_STEP, position.size - 1 - at))
        rows = ledger.rows(leaves[0].number - 1, len(leaves))
        for leaf, row in zip(leaves, rows, strict=False):
            _check(store, leaf, row)
            at_ms, expires_ms = _times(row[3])
            if max(at_ms, expires_ms) >= over_ms:
                return Due(count, leaf if count else first, oldest_ms, newest_ms)
            count += 1
            oldest_ms, newest_ms = oldest_ms or at_ms, at_ms
        if len(rows) < len(leaves):
            raise ProofError("events are missing from the ledger; run consentgate ledger verify")
        at += len(leaves)
    return Due(count, position.last if count else first, oldest_ms, newest_ms)


def prune(ledger: Ledger, store: ProofStore, found: Due) -> None:
    """Remove what was found due, the proof's part first.

    A crash in between leaves rows that no leaf names; the next run, which finds nothing more due,
    removes them.
    """
    if found.before is None:
        return
    if found.events:
        store.prune(found.before.at)
    ledger.forget(found.before.number)


def _check(store: ProofStore, leaf: Leaf, row: Row) -> None:
    wanted = hashes_of(store.tile(0, leaf.at // WIDTH))[leaf.at % WIDTH]
    is_same = row[:2] == (leaf.number, leaf.id)
    if not is_same or leaf_hash(leaf_of(row[3], leaf.salt)) != wanted:
        raise ProofError(
            f"event {leaf.at} (id {leaf.id}) is not the one that was proven; nothing was pruned; "
            "run consentgate ledger verify"
        )


def _times(body: bytes) -> tuple[int, int]:
    event = json.loads(body)
    return int(event["at_ms"]), int(event["expires_ms"])
