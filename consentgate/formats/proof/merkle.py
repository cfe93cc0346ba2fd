"""Owns the Merkle tree of RFC 6962 and RFC 9162: roots, proofs, and how they are checked.

Works on leaf hashes. Whoever keeps a tree hands in a reader that gives the hash of a whole
subtree, so nothing here holds more than a few hashes. Never knows what a leaf says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""Gives the root of the whole subtree over leaves ``[index << level, (index + 1) << level)``."""

Range = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""

_sha256 = hashlib.sha256
_BLOCK_LEVEL = 8
_BLOCK = 1 << _BLOCK_LEVEL


def leaf_hash(body: bytes) -> bytes:
    """The hash of a leaf (RFC 9162, section 2.1.1)."""
    return _sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children (RFC 9162, section 2.1.1)."""
    return _sha256(b"\x01" + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up; of an even number of hashes."""
    pairs = zip(hashes[::2], hashes[1::2], strict=True)
    return [_sha256(b"\x01" + left + right).digest() for left, right in pairs]


def block_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = parents(hashes)
    return hashes[0]


class Frontier:
    """The right edge of a tree that only grows: its size and one hash per set bit of it."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Start where an earlier frontier ended; empty by default.

        Raises:
            ValueError: the number of hashes is not what the size needs.
        """
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves needs {size.bit_count()} hashes")

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the whole subtrees that the tree falls into, largest first."""
        return tuple(self._hashes)

    def extend(self, leaves: Sequence[bytes]) -> list[bytes]:
        """Append leaf hashes; whole blocks of them cost little more than their hashing.

        Returns:
            The roots of the blocks of 256 leaves that were whole from the start.
        """
        at, blocks = 0, []
        while at < len(leaves):
            if self.size % _BLOCK == 0 and len(leaves) - at >= _BLOCK:
                blocks.append(block_root(leaves[at : at + _BLOCK]))
                self._push(blocks[-1], _BLOCK_LEVEL)
                at += _BLOCK
            else:
                self._push(leaves[at], 0)
                at += 1
        return blocks

    def root(self) -> bytes:
        """The root of the tree as it is now (RFC 9162, section 2.1.2)."""
        return _folded(self._hashes)

    def _push(self, whole: bytes, level: int) -> None:
        carry = self.size >> level
        while carry & 1:
            whole = node_hash(self._hashes.pop(), whole)
            carry >>= 1
        self._hashes.append(whole)
        self.size += 1 << level


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root over subtrees that become smaller to the right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def range_hash(subtree: Subtree, lo: int, hi: int) -> bytes:
    """The hash of a range of leaves that a node of the tree covers."""
    hashes = []
    while lo < hi:
        level = (hi - lo).bit_length() - 1
        hashes.append(subtree(level, lo >> level))
        lo += 1 << level
    return _folded(hashes)


def subtree_in(leaves: Sequence[bytes]) -> Subtree:
    """A reader over leaf hashes in memory."""

    def subtree(level: int, index: int) -> bytes:
        return block_root(leaves[index << level : (index + 1) << level])

    return subtree


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of no leaves it is the hash of nothing."""
    return range_hash(subtree_in(leaves), 0, len(leaves))


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove a leaf, from its sibling upwards (RFC 9162, section 2.1.3.1).

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    lo, hi, found = 0, size, []
    while hi - lo > 1:
        middle = lo + _left_width(hi - lo)
        if index < middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that a tree grew out of another (RFC 9162, section 2.1.4.1).

    Raises:
        ValueError: the sizes are not ``0 < old <= new``.
    """
    if not 0 < old <= new:
        raise ValueError(f"no proof leads from a tree of {old} leaves to one of {new}")
    lo, hi, found = 0, new, []
    while old < hi:
        middle = lo + _left_width(hi - lo)
        if old <= middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    if lo:
        found.append((lo, hi))
    return found[::-1]


def _left_width(size: int) -> int:
    """Leaves to the left of a node's middle: the largest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root of the tree of that size."""
    return [range_hash(subtree, lo, hi) for lo, hi in inclusion_ranges(index, size)]


def consistency_proof(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """The hashes that show the tree of the old size inside the tree of the new one."""
    return [range_hash(subtree, lo, hi) for lo, hi in consistency_ranges(old, new)]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf's hash to the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the tree only grew (RFC 9162, section 2.1.4.2).

    An empty tree is the beginning of every other.
    """
    if old == 0 or old == new:
        return not proof and (old_root == (new_root if old else EMPTY_ROOT))
    if not 0 < old < new or not proof:
        return False
    path = list(proof)
    if not old & (old - 1):
        path.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
