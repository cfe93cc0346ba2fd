"""One suite over every place where a proof is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from consentgate.errors import LedgerUnavailable
from consentgate.ledger.opening import open_ledger
from consentgate.ledger.proof import Leaf, Position, ProofStore, Signed
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.memory import MemoryProof

STORES: dict[str, Callable[[pytest.FixtureRequest, Path], ProofStore]] = {
    "memory": lambda request, folder: MemoryProof(),
    "file": lambda request, folder: ProofFile(folder / "made" / "ledger.proof"),
    "postgresql": lambda request, folder: (
        open_ledger(request.getfixturevalue("postgres").new()).proof
    ),
}
LEAVES = [Leaf(at, at + 5, f"{at:032x}", bytes([at]) * 32 if at % 2 else None) for at in range(6)]


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ProofStore:
    return STORES[request.param](request, tmp_path)


def test_an_empty_proof_answers(store: ProofStore) -> None:
    """Before the first run there is nothing, and nothing fails."""
    assert store.position() == Position(0, 0, None)
    assert (store.leaf("x"), store.tile(0, 0), store.last_checkpoint()) == (None, b"", None)
    assert list(store.leaves(0, 5)) == list(store.checkpoints()) == []


def test_leaves_and_tiles_are_kept(store: ProofStore) -> None:
    """They come back by index and by the event's id; a tile that grew takes the shorter's place."""
    store.extend(LEAVES[:3], {(0, 0): b"a" * 96})
    store.extend(LEAVES[3:], {(0, 0): b"a" * 192, (1, 0): b"b" * 32})
    assert store.position() == Position(6, 0, LEAVES[5])
    assert list(store.leaves(1, 3)) == LEAVES[1:4]
    assert store.leaf(LEAVES[4].id) == LEAVES[4]
    assert (store.tile(0, 0), store.tile(1, 0)) == (b"a" * 192, b"b" * 32)


def test_the_first_checkpoint_of_a_size_stands(store: ProofStore) -> None:
    """What was signed once is not replaced; the others come in the order of their sizes."""
    for signed in (Signed(9, 2, "b"), Signed(4, 1, "a"), Signed(9, 3, "c")):
        store.sign(signed)
    assert list(store.checkpoints()) == [Signed(4, 1, "a"), Signed(9, 2, "b")]
    assert store.last_checkpoint() == Signed(9, 2, "b")


def test_a_step_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """Leaves that clash with what is there take their tiles back with them."""
    store = ProofFile(tmp_path / "proof")
    store.extend(LEAVES[:2], {(0, 0): b"a" * 64})
    with pytest.raises(LedgerUnavailable, match="UNIQUE"):
        store.extend([LEAVES[2], LEAVES[1]], {(0, 0): b"b" * 96})
    assert (store.position().size, store.tile(0, 0)) == (2, b"a" * 64)


def test_tiles_of_a_level_are_read_at_once(store: ProofStore) -> None:
    """Those there are, by number."""
    store.extend([], {(0, 0): b"a", (0, 2): b"c", (1, 1): b"d"})
    assert dict(store.tiles(0, 0, 2)) == {0: b"a"}
    assert dict(store.tiles(0, 1, 9)) == {2: b"c"}
    assert dict(store.tiles(2, 0, 9)) == {}


def test_a_proof_is_kept_beside_its_ledger() -> None:
    """Every ledger says where."""
    for url in ("sqlite:var/x.sqlite3", "sqlite:///var/x.sqlite3"):
        store = open_ledger(url).proof
        assert isinstance(store, ProofFile)
        assert store.path.name == "x.sqlite3.proof"
    assert isinstance(open_ledger("memory:").proof, MemoryProof)


def test_one_at_a_time_is_elected(store: ProofStore) -> None:
    """Whoever comes second is told so at once, and has its turn when the first is done."""
    with store.elected() as first, store.elected() as second:
        assert (first, second) == (True, False)
    with contextlib.suppress(KeyError), store.elected() as third:
        assert third
        raise KeyError("a run that fails")
    with store.elected() as fourth:
        assert fourth


def test_salts_are_forgotten_for_good(store: ProofStore) -> None:
    """The leaf stays, its salt does not; unknown ids are passed by."""
    store.extend(LEAVES, {})
    store.forget_salts([LEAVES[1].id, "unknown"])
    assert [leaf.salt for leaf in store.leaves(0, 4)] == [None, None, None, LEAVES[3].salt]
    if isinstance(store, ProofFile):
        for path in store.path.parent.iterdir():
            assert (LEAVES[1].salt or b"") not in path.read_bytes()


def test_pruned_leaves_are_forgotten(store: ProofStore) -> None:
    """Which events they were is gone, the size is not; all of them may go."""
    store.extend(LEAVES, {(0, 0): b"a" * 192})
    store.prune(4)
    assert store.position() == Position(6, 4, LEAVES[5])
    assert (store.leaf(LEAVES[3].id), store.leaf(LEAVES[4].id)) == (None, LEAVES[4])
    assert list(store.leaves(0, 10)) == LEAVES[4:]
    store.prune(6)
    assert store.position() == Position(6, 6, None)
    assert store.tile(0, 0) == b"a" * 192


def test_a_file_is_private_and_says_when_it_cannot_be_used(tmp_path: Path) -> None:
    """Mode 0600, and an error of the ledger's own kind where it is no database."""
    path = tmp_path / "ledger.proof"
    with ProofFile(path).elected():
        ProofFile(path).extend(LEAVES, {})
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(LedgerUnavailable, match="cannot keep the proof"):
        ProofFile(path).position()
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable), ProofFile(tmp_path / "file" / "x").elected():
        pass
