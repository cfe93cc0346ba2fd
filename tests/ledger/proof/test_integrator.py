"""The integrator: one at a time, behind the writes, and never against what it signed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from consentgate.errors import LedgerUnavailable, ProofError
from consentgate.formats.proof.checkpoints import checkpoint_of
from consentgate.formats.proof.merkle import consistency_proof, is_consistent, leaf_hash, root_of
from consentgate.formats.proof.notes import open_note
from consentgate.formats.proof.tiles import subtree_in_tiles
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.integrator import BackgroundIntegrator, Integrator
from consentgate.ledger.proof.memory import MemoryProof
from consentgate.ledger.proof.verifying import verify
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal
from tests.ledger.proof.made import NOW_MS, ORIGIN, SIGNER, append, integrator, proven

ROOT = Path(__file__).resolve().parents[3]


def signed(store: MemoryProof | ProofFile) -> list[tuple[int, bytes]]:
    notes = [open_note(one.note, [SIGNER.verifier]) for one in store.checkpoints()]
    read = [checkpoint_of(note.text) for note in notes if note.signed_by]
    return [(one.size, one.root) for one in read]


def test_events_become_leaves_in_their_order() -> None:
    """The root that is signed is that of the events' leaves; a run without events signs nothing."""
    ledger, store = MemoryLedger(), MemoryProof()
    given = [refusal() for _ in range(5)]
    append(ledger, *given[:3])
    work = integrator(ledger, store, batch=2)
    assert (work.run(NOW_MS), work.run(NOW_MS)) == (3, 0)
    append(ledger, *given[3:])
    assert work.run(NOW_MS + 1) == 2
    hashes = [leaf_hash(event.canonical()) for event in given]
    assert signed(store) == [(3, root_of(hashes[:3])), (5, root_of(hashes))]
    proof = consistency_proof(subtree_in_tiles(store.tile), 3, 5)
    assert is_consistent(3, 5, signed(store)[0][1], signed(store)[1][1], proof)


def test_a_grant_gets_a_salt_of_its_own() -> None:
    """Only where there is a subject; no two alike."""
    ledger, store = MemoryLedger(), MemoryProof()
    append(ledger, grant(), refusal(), grant())
    integrator(ledger, store).run(NOW_MS)
    salts = [leaf.salt for leaf in store.leaves(0, 3)]
    assert salts[1] is None
    assert len({salts[0], salts[2]}) == 2
    assert all(salt is not None and len(salt) == 32 for salt in salts[::2])


def test_two_runs_at_once_are_one() -> None:
    """Who is not elected adds nothing and does not wait."""
    ledger, store = MemoryLedger(), MemoryProof()
    append(ledger, refusal())
    with store.elected():
        assert integrator(ledger, store).run(NOW_MS) is None
    assert integrator(ledger, store).run(NOW_MS) == 1


def test_without_keys_the_tree_grows_unsigned() -> None:
    """What was not signed yet is signed when a key is there."""
    ledger, store = MemoryLedger(), MemoryProof()
    append(ledger, refusal())
    Integrator(ledger, store, origin=ORIGIN, signers=[], random_bytes=os.urandom).run(NOW_MS)
    assert (store.position().size, signed(store)) == (1, [])
    integrator(ledger, store).run(NOW_MS)
    assert [size for size, _ in signed(store)] == [1]


def test_a_ledger_that_was_cut_is_not_signed(tmp_path: Path) -> None:
    """A restored older copy, with new events behind it, stops the integrator with the way out."""
    _, store = proven(tmp_path, 10)
    shorter = MemoryLedger()
    append(shorter, *(refusal() for _ in range(20)))
    with pytest.raises(ProofError, match=r"not in the ledger any more.*ledger verify"):
        integrator(shorter, store).run(NOW_MS)
    assert [size for size, _ in signed(store)] == [10]


def test_a_tree_that_was_changed_is_not_signed(tmp_path: Path) -> None:
    """A hash that no longer leads to what was signed: nothing is signed on top of it."""
    ledger, store = proven(tmp_path, 10)
    store.extend([], {(0, 0): bytes(320)})
    append(ledger, refusal())
    with pytest.raises(ProofError, match="signed at 10 events"):
        integrator(ledger, store).run(NOW_MS)
    ledger.close()


def test_a_proof_older_than_its_ledger_catches_up(tmp_path: Path) -> None:
    """The proof restored from an older copy is made again; what it signs is signed anew."""
    ledger, _ = proven(tmp_path, 10)
    older = MemoryProof()
    assert integrator(ledger, older).run(NOW_MS) == 10
    assert verify(ledger, older, keys=[SIGNER.verifier]).findings == []
    ledger.close()


def test_the_background_runs_again_and_again() -> None:
    """Events of a running site are proven soon, the last ones at the end; a fault is reported."""
    ledger, store, faults = MemoryLedger(), MemoryProof(), []
    has_run = threading.Event()

    def clock() -> int:
        has_run.set()
        if not faults:
            raise LedgerUnavailable("not now")
        return NOW_MS

    append(ledger, refusal())
    background = BackgroundIntegrator(
        integrator(ledger, store), every_seconds=0.01, clock_ms=clock, failed=faults.append
    )
    assert has_run.wait(10)
    append(ledger, refusal())
    background.stop()
    assert store.position().size == 2
    assert [str(fault) for fault in faults] == ["not now"]


def test_a_killed_integrator_leaves_whole_steps(tmp_path: Path) -> None:
    """Killed at any moment, several times: the next run goes on, and verification finds nothing."""
    ledger, store = SqliteLedger(tmp_path / "l"), ProofFile(tmp_path / "l.proof")
    append(ledger, *(grant(notice_hash="") for _ in range(600)))
    code = """
        import sys
        from consentgate.ledger.proof.file import ProofFile
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.ledger.proof.made import NOW_MS, integrator
        print("ready", flush=True)
        while True:
            work = integrator(SqliteLedger(sys.argv[1]), ProofFile(sys.argv[2]), batch=7)
            work.run(NOW_MS)
        """
    for wait in (0.0, 0.03, 0.06, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(ledger.path), str(store.path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert store.position().size % 7 in (0, 600 % 7)
    integrator(ledger, store).run(NOW_MS)
    report = verify(ledger, store, keys=[SIGNER.verifier])
    assert (report.findings, report.signed_size) == ([], 600)
    ledger.close()
