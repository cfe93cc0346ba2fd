"""Owns the tiles in which a tree is kept: rows of up to 256 hashes (C2SP tlog-tiles).

Tile N of level L holds the roots of the whole subtrees of 256^L leaves from number 256 * N on. A
proof reads a few tiles, a growing tree rewrites a few, and no whole tile ever changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consentgate.formats.proof.merkle import HASH_BYTES, Subtree, block_root

WIDTH = 256
_LEVELS = 8
"""Levels of the tree that one level of tiles spans: 2^8 = 256."""

Place = tuple[int, int]
"""Level and number of a tile."""

TileReader = Callable[[int, int], bytes]
"""Gives a tile's hashes, one after the other; empty where there is none."""


def hashes_of(tile: bytes) -> list[bytes]:
    """The hashes in a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def tiles_after(read: TileReader, size: int, leaves: Sequence[bytes]) -> dict[Place, bytes]:
    """The tiles that are new or longer once leaf hashes are appended.

    Args:
        read: the tiles as they were.
        size: leaves before.
        leaves: hashes to append.
    """
    changed: dict[Place, bytes] = {}
    level, first, hashes = 0, size, list(leaves)
    while hashes:
        number, offset = divmod(first, WIDTH)
        row = hashes_of(read(level, number))[:offset] + hashes
        full = len(row) // WIDTH
        for at in range(0, len(row), WIDTH):
            changed[level, number + at // WIDTH] = b"".join(row[at : at + WIDTH])
        hashes = [block_root(row[at * WIDTH : (at + 1) * WIDTH]) for at in range(full)]
        level, first = level + 1, number
    return changed


def subtree_in_tiles(read: TileReader) -> Subtree:
    """A reader of whole subtrees out of tiles, for proofs.

    Raises:
        ValueError: when it is asked for a subtree that the tiles do not hold.
    """

    def subtree(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, _LEVELS)
        number, offset = divmod(index << height, WIDTH)
        row = hashes_of(read(tile_level, number))[offset : offset + (1 << height)]
        if len(row) < 1 << height:
            raise ValueError(f"tile {number} of level {tile_level} is missing or too short")
        return block_root(row)

    return subtree
