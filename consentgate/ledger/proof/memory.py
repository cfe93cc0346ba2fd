"""Owns the proof that lives and dies with its process, for tests and try-outs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence

from consentgate.formats.proof.tiles import Place
from consentgate.ledger.proof import Leaf, Position, Signed


class MemoryProof:
    """Keeps leaves, tiles and checkpoints in memory."""

    def __init__(self) -> None:
        self._leaves: dict[int, Leaf] = {}
        self._index: dict[str, int] = {}
        self._tiles: dict[Place, bytes] = {}
        self._checkpoints: dict[int, Signed] = {}
        self._pruned = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def elected(self) -> Iterator[bool]:
        """Take the lock where no other thread has it."""
        is_mine = self._lock.acquire(blocking=False)
        try:
            yield is_mine
        finally:
            if is_mine:
                self._lock.release()

    def position(self) -> Position:
        """How far the tree has come."""
        size = self._pruned + len(self._leaves)
        return Position(size, self._pruned, self._leaves.get(size - 1))

    def extend(self, leaves: Sequence[Leaf], tiles: Mapping[Place, bytes]) -> None:
        """Add leaves and tiles."""
        self._leaves.update((leaf.at, leaf) for leaf in leaves)
        self._index.update((leaf.id, leaf.at) for leaf in leaves)
        self._tiles.update(tiles)

    def sign(self, signed: Signed) -> None:
        """Add a checkpoint."""
        self._checkpoints.setdefault(signed.size, signed)

    def leaves(self, first: int, limit: int) -> list[Leaf]:
        """The next leaves."""
        span = range(max(first, self._pruned), self.position().size)[:limit]
        return [self._leaves[index] for index in span]

    def leaf(self, event_id: str) -> Leaf | None:
        """The leaf of an event."""
        return self._leaves.get(self._index.get(event_id, -1))

    def tile(self, level: int, number: int) -> bytes:
        """A tile's hashes."""
        return self._tiles.get((level, number), b"")

    def tiles(self, level: int, first: int, limit: int) -> dict[int, bytes]:
        """The tiles there are of a level."""
        span = range(first, first + limit)
        return {n: self._tiles[level, n] for n in span if (level, n) in self._tiles}

    def checkpoints(self) -> list[Signed]:
        """Every checkpoint."""
        return [self._checkpoints[size] for size in sorted(self._checkpoints)]

    def last_checkpoint(self) -> Signed | None:
        """The largest checkpoint."""
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None

    def forget_salts(self, event_ids: Sequence[str]) -> None:
        """Erase salts."""
        for one in event_ids:
            leaf = self.leaf(one)
            if leaf is not None:
                self._leaves[leaf.at] = leaf._replace(salt=None)

    def prune(self, before: int) -> None:
        """Forget leaves below an index."""
        for index in range(self._pruned, before):
            del self._index[self._leaves.pop(index).id]
        self._pruned = before
