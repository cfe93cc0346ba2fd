"""Owns the tree made again while a ledger is read: once from its events, once as it was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from consentgate.formats.proof.merkle import HASH_BYTES, Frontier
from consentgate.formats.proof.tiles import WIDTH, Place, tiles_after
from consentgate.ledger.proof import ProofStore


class Retraced:
    """Two trees that grow side by side, and which checkpoints they meet."""

    def __init__(self, store: ProofStore) -> None:
        """Take where the tiles are kept."""
        self.last_met = 0
        """Size of the largest checkpoint that one of the trees met."""
        self._store = store
        self._of_events = self._of_tiles = _Tree()
        self._right: list[range] = []
        """Leaves that a checkpoint met by the events vouches for."""
        self._torn: list[Place] = []

    def kept(self, first: int, limit: int) -> bytes:
        """The leaf hashes as they were kept, one after the other; zeros for those of a torn tile.

        Args:
            first: the first leaf of a tile.
            limit: how many.
        """
        start, end = first // WIDTH, -(-(first + limit) // WIDTH)
        tiles = self._store.tiles(0, start, end - start)
        found = []
        for number in range(start, end):
            tile = tiles.get(number, b"")
            wanted = min(WIDTH, first + limit - number * WIDTH) * HASH_BYTES
            if len(tile) < wanted:
                self._torn.append((0, number))
                tile = bytes(wanted)
            found.append(tile[:wanted])
        return b"".join(found)

    def extend(self, of_events: Sequence[bytes], of_tiles: Sequence[bytes]) -> None:
        """Let both trees grow; they are one for as long as they are the same."""
        if self._of_events is self._of_tiles:
            if of_events == of_tiles:
                self._of_events.extend(of_events)
                return
            self._of_tiles = self._of_events.copy()
        self._of_events.extend(of_events)
        self._of_tiles.extend(of_tiles)

    def meets(self, size: int, root: bytes) -> bool:
        """Whether one of the trees had that root at a size of the last chunk."""
        by_events = self._of_events.root_at(size) == root
        if by_events:
            self._right.append(range(self.last_met, size))
        is_met = by_events or self._of_tiles.root_at(size) == root
        self.last_met = size if is_met else self.last_met
        return is_met

    def is_event_right(self, at: int) -> bool:
        """Whether an event is as it was signed, so that its kept hash must be wrong."""
        return any(at in span for span in self._right)

    def damaged(self) -> Iterator[Place]:
        """The kept tiles above the leaves that are not made of the tiles below, and torn ones."""
        yield from self._torn
        if self._torn:
            return
        made = _upper_tiles(self._of_tiles.blocks)
        for (level, number), hashes in made.items():
            if self._store.tile(level, number) != hashes:
                yield level, number


def _upper_tiles(blocks: Sequence[bytes]) -> dict[Place, bytes]:
    """The tiles above the leaves, made of the roots of whole tiles of leaves."""
    made = tiles_after(lambda level, number: b"", 0, blocks)
    return {(level + 1, number): hashes for (level, number), hashes in made.items()}


class _Tree:
    """A frontier that remembers the leaves of its last chunk, and the root of every tile."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self._frontier = Frontier()
        self._start = Frontier()
        self._chunk: Sequence[bytes] = ()

    def copy(self) -> _Tree:
        other = _Tree()
        other.blocks = list(self.blocks)
        other._frontier = Frontier(self._frontier.size, self._frontier.hashes)
        return other

    def extend(self, leaves: Sequence[bytes]) -> None:
        self._start = Frontier(self._frontier.size, self._frontier.hashes)
        self._chunk = leaves
        self.blocks += self._frontier.extend(leaves)

    def root_at(self, size: int) -> bytes:
        if size == self._frontier.size:
            return self._frontier.root()
        # Checkpoints come in order: the next one is reached from this one.
        self._start.extend(self._chunk[: size - self._start.size])
        self._chunk = (
            self._chunk[size - self._frontier.size :] if size < self._frontier.size else ()
        )
        return self._start.root()
