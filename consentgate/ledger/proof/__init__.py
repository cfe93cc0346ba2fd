"""Owns the proof beside the ledger: which event is which leaf, the tree, its checkpoints.

Runs behind the write path and never on it; never knows visitors, tokens or pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from consentgate.formats.proof.tiles import Place


class Leaf(NamedTuple):
    """Which event a leaf of the tree stands for."""

    at: int
    """Its index in the tree, from zero."""
    number: int
    """The event's number in the ledger."""
    id: str
    salt: bytes | None
    """Of the subject's commitment; None where there is no subject, or none any more."""


class Position(NamedTuple):
    """How far the tree has come."""

    size: int
    pruned: int
    """Leaves whose events were removed when their time was over: the first ones."""
    last: Leaf | None
    """The last leaf that still has its event."""


class Signed(NamedTuple):
    """A checkpoint as it was signed."""

    size: int
    at_ms: int
    note: str


class ProofStore(Protocol):
    """Where the proof is kept: a file beside a SQLite ledger, tables beside a larger one."""

    def elected(self) -> AbstractContextManager[bool]:
        """Whether the caller alone extends the tree while the block lasts; never waits."""
        ...

    def position(self) -> Position:
        """How far the tree has come."""
        ...

    def extend(self, leaves: Sequence[Leaf], tiles: Mapping[Place, bytes]) -> None:
        """Add leaves with the tiles they change, all or nothing, durably."""
        ...

    def sign(self, signed: Signed) -> None:
        """Add a checkpoint, durably; one of that size stays as it is."""
        ...

    def leaves(self, first: int, limit: int) -> Sequence[Leaf]:
        """The next leaves from an index on."""
        ...

    def leaf(self, event_id: str) -> Leaf | None:
        """The leaf of an event; None where the tree does not hold it yet, or no more."""
        ...

    def tile(self, level: int, number: int) -> bytes:
        """A tile's hashes; empty where there is none."""
        ...

    def tiles(self, level: int, first: int, limit: int) -> Mapping[int, bytes]:
        """The tiles there are of a level, from a number on, by number."""
        ...

    def checkpoints(self) -> Sequence[Signed]:
        """Every checkpoint, smallest first."""
        ...

    def last_checkpoint(self) -> Signed | None:
        """The one of the largest size."""
        ...

    def forget_salts(self, event_ids: Sequence[str]) -> None:
        """Erase the salts of events, so that nobody can open their commitments any more."""
        ...

    def prune(self, before: int) -> None:
        """Forget which events the leaves below an index were; their hashes stay."""
        ...
