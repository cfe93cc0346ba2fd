"""The tree: roots of RFC 6962, every proof of every small tree, and no proof that lies."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.proof.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
    subtree_in,
)
from consentgate.formats.proof.tiles import Place, TileReader, subtree_in_tiles, tiles_after

# The inputs and roots of the reference implementation of RFC 6962 (certificate-transparency).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(1_000)]
SUBTREE = subtree_in(LEAVES)


def reader(tiles: dict[Place, bytes]) -> TileReader:
    """Reads tiles that are kept in a table."""
    return lambda level, number: tiles.get((level, number), b"")


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    """The published roots of the published inputs, for every size up to eight."""
    leaves = [leaf_hash(one) for one in INPUTS[:size]]
    frontier = Frontier()
    frontier.extend(leaves)
    assert root_of(leaves).hex() == frontier.root().hex() == ROOTS[size]


def test_every_leaf_of_every_small_tree_is_proven() -> None:
    """All 2,080 proofs of all sizes up to 64 hold, and none is longer than the tree is high."""
    for size in range(1, 65):
        root = root_of(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(SUBTREE, index, size)
            assert is_included(LEAVES[index], index, size, proof, root)
            assert len(proof) <= (size - 1).bit_length()


def test_every_small_tree_is_inside_every_larger_one() -> None:
    """All proofs between sizes up to 64 hold, an empty tree's too."""
    roots = [root_of(LEAVES[:size]) for size in range(65)]
    for new in range(1, 65):
        assert is_consistent(0, new, EMPTY_ROOT, roots[new], [])
        for old in range(1, new + 1):
            proof = consistency_proof(SUBTREE, old, new)
            assert is_consistent(old, new, roots[old], roots[new], proof)


@given(st.data(), st.integers(1, 300))
def test_a_changed_proof_of_a_leaf_is_refused(data: st.DataObject, size: int) -> None:
    """Whatever of leaf, place, size, proof or root is another: the proof does not hold."""
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(SUBTREE, index, size), root_of(LEAVES[:size])
    change = data.draw(st.sampled_from(["leaf", "index", "root", "hash", "shorter", "longer"]))
    leaf, place = LEAVES[index], index
    if change == "leaf":
        leaf = hashlib.sha256(leaf).digest()
    elif change == "index":
        place = data.draw(st.integers(-2, size + 2).filter(lambda other: other != index))
    elif change == "root":
        root = hashlib.sha256(root).digest()
    elif change == "longer":
        proof = [*proof, root]
    elif proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at : at + 1] = [hashlib.sha256(proof[at]).digest()] if change == "hash" else []
    else:
        return
    assert not is_included(leaf, place, size, proof, root)


@given(st.data(), st.integers(2, 300))
def test_a_changed_proof_of_growth_is_refused(data: st.DataObject, new: int) -> None:
    """A root of another tree, or a hash that was changed, left out or added."""
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(SUBTREE, old, new)
    roots = [root_of(LEAVES[:old]), root_of(LEAVES[:new])]
    change = data.draw(st.sampled_from(["old", "new", "hash", "shorter", "longer", "sizes"]))
    if change in ("old", "new"):
        at = ("old", "new").index(change)
        roots[at] = hashlib.sha256(roots[at]).digest()
    elif change == "longer":
        proof = [*proof, roots[0]]
    elif change == "sizes":
        old, new = new, old
    else:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at : at + 1] = [hashlib.sha256(proof[at]).digest()] if change == "hash" else []
    assert not is_consistent(old, new, *roots, proof)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=4))
def test_a_tree_grows_in_any_steps(steps: list[int]) -> None:
    """A frontier and tiles that grew step by step give the root and the proofs of the whole."""
    frontier, size = Frontier(), 0
    tiles: dict[Place, bytes] = {}
    for step in steps:
        more = LEAVES[size : size + step]
        tiles |= tiles_after(reader(tiles), size, more)
        frontier = Frontier(frontier.size, frontier.hashes)
        frontier.extend(more)
        size += len(more)
    assert (frontier.size, frontier.root()) == (size, root_of(LEAVES[:size]))
    subtree = subtree_in_tiles(reader(tiles))
    for index in {0, size // 3, size - 1} if size else ():
        assert inclusion_proof(subtree, index, size) == inclusion_proof(SUBTREE, index, size)


def test_a_tile_is_never_rewritten_once_it_is_full() -> None:
    """What a proof was made of stays: only the last tile of a level changes."""
    tiles: dict[Place, bytes] = {}
    for at in range(0, 1_000, 100):
        more = tiles_after(reader(tiles), at, LEAVES[at : at + 100])
        for place, row in more.items():
            assert row.startswith(tiles.get(place, b""))
            assert place not in tiles or len(tiles[place]) < 256 * 32
        tiles |= more
    assert sorted(tiles) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]


def test_a_missing_tile_is_named() -> None:
    """A proof over a lost tile fails with the tile's place, not with a wrong proof."""
    subtree = subtree_in_tiles(lambda level, number: b"")
    with pytest.raises(ValueError, match="tile 1 of level 0"):
        subtree(0, 300)


def test_what_no_tree_has_is_refused() -> None:
    """No leaf outside the tree, no growth backwards, no frontier with too few hashes."""
    with pytest.raises(ValueError, match="no leaf 5"):
        inclusion_ranges(5, 5)
    for old, new in ((0, 5), (6, 5)):
        with pytest.raises(ValueError, match="no proof"):
            consistency_ranges(old, new)
    with pytest.raises(ValueError, match="needs 2 hashes"):
        Frontier(3, [EMPTY_ROOT])
    assert not is_consistent(3, 3, LEAVES[0], LEAVES[1], [])
    assert not is_consistent(0, 3, LEAVES[0], LEAVES[1], [])
    assert not is_included(LEAVES[0], 0, 0, [], EMPTY_ROOT)
