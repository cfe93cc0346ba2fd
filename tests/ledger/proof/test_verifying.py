"""Verification: whatever was done to a stored ledger is named, and nothing else is."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consentgate.formats.proof.checkpoints import Checkpoint
from consentgate.formats.proof.notes import Ed25519Signer, HmacKey, sign
from consentgate.formats.proof.tiles import tiles_after
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.proof import Leaf, Signed
from consentgate.ledger.proof import verifying as module
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.integrator import Integrator
from consentgate.ledger.proof.memory import MemoryProof
from consentgate.ledger.proof.verifying import Done, Report, verify
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import refusal
from tests.ledger.proof.made import NOW_MS, ORIGIN, SIGNER, append, integrator, proven

SIZE = 700
Kept = tuple[SqliteLedger, ProofFile]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one tile, so that a small ledger has several."""
    monkeypatch.setattr(module, "CHUNK", 256)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    ledger, store = proven(tmp_path, 100, 300, SIZE)
    yield ledger, store
    ledger.close()


def judged(kept: Kept, *anchors: str) -> Report:
    return verify(*kept, keys=[SIGNER.verifier], anchors=anchors)


@contextlib.contextmanager
def forced(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody with the file and no scruples writes it: without its guards."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_an_untouched_ledger_is_as_it_was_signed(kept: Kept) -> None:
    """Nothing is found; the report says how much is signed, and that anyone can check it."""
    report = judged(kept)
    assert report.findings == []
    assert (report.size, report.signed_size, report.pending) == (SIZE, SIZE, 0)
    assert (report.checkpoints, report.is_public) == (3, True)


def test_what_is_not_proven_yet_is_counted(kept: Kept) -> None:
    """Events that came after the last run are no finding."""
    append(kept[0], refusal(notice_hash=""), refusal(notice_hash=""))
    report = judged(kept)
    assert (report.findings, report.pending) == ([], 2)


def test_nothing_proven_is_nothing_found() -> None:
    """A ledger before its first run."""
    report = verify(MemoryLedger(), MemoryProof(), keys=[])
    assert (report.findings, report.size, report.signed_size) == ([], 0, 0)


SWAP = """
UPDATE event SET seq = -1 WHERE seq = 41; UPDATE event SET seq = 41 WHERE seq = 42;
UPDATE event SET seq = 42 WHERE seq = -1"""
DAMAGE: dict[str, tuple[str, list[tuple[Done, str]]]] = {
    # An event itself.
    "a purpose": (
        """UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '"statistics":true',
        '"statistics":false') AS BLOB) WHERE seq = 41""",
        [(Done.EDITED, "event 40 (number 41")],
    ),
    "a refusal turned into a grant": (
        """UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '"statistics":false',
        '"statistics":true') AS BLOB) WHERE seq = 42""",
        [(Done.EDITED, "event 41 (number 42")],
    ),
    "the subject": (
        """UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '"subject":"',
        '"subject":"f') AS BLOB) WHERE seq = 41""",
        [(Done.EDITED, "event 40 (number 41")],
    ),
    "a subject put into a refusal": (
        """UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '"subject":"',
        '"subject":"f') AS BLOB) WHERE seq = 42""",
        [(Done.EDITED, "event 41 (number 42")],
    ),
    "the column of the subject": (
        "UPDATE event SET subject = 'somebody else' WHERE seq = 41",
        [(Done.EDITED, "event 40 (number 41")],
    ),
    "a subject hidden from its column": (
        "UPDATE event SET subject = '' WHERE seq = 41",
        [(Done.EDITED, "event 40 (number 41")],
    ),
    "bytes of another type": (
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ')')"
        " WHERE name = 'event'; PRAGMA writable_schema = RESET;"
        "UPDATE event SET body = 7 WHERE seq = 41",
        [(Done.EDITED, "event 40 (number 41")],
    ),
    "two events": (
        "UPDATE event SET body = x'00' WHERE seq IN (300, 650)",
        [(Done.EDITED, "event 299 "), (Done.EDITED, "event 649 ")],
    ),
    # Which events there are.
    "one removed": (
        "DELETE FROM event WHERE seq = 41",
        [(Done.REMOVED, "event 40 (number 41")],
    ),
    "the first removed": ("DELETE FROM event WHERE seq = 1", [(Done.REMOVED, "event 0 ")]),
    "the last ten removed": ("DELETE FROM event WHERE seq > 690", [(Done.TRUNCATED, "the ledger")]),
    "all removed": ("DELETE FROM event", [(Done.TRUNCATED, "the ledger")]),
    "one removed and the last": (
        "DELETE FROM event WHERE seq IN (41, 700)",
        [(Done.REMOVED, "event 40 "), (Done.TRUNCATED, "the ledger")],
    ),
    "two swapped": (SWAP, [(Done.REORDERED, "event 40 "), (Done.REORDERED, "event 41 ")]),
    "one moved to the end": (
        "UPDATE event SET seq = 900 WHERE seq = 41",
        [(Done.REORDERED, "event 40 ")],
    ),
    "one with another id": (
        "UPDATE event SET id = 'x' WHERE seq = 41",
        [(Done.REMOVED, "event 40 "), (Done.INSERTED, "number 41 (id x)")],
    ),
    "one put in": (
        "UPDATE event SET seq = -1 WHERE seq = 41; INSERT INTO event SELECT 41, 'x', at_ms, kind,"
        " subject, body FROM event WHERE seq = 40; UPDATE event SET seq = 701 WHERE seq = -1",
        [(Done.REORDERED, "event 40 "), (Done.INSERTED, "number 41 (id x)")],
    ),
    # Notices.
    "a notice": ("UPDATE notice SET body = x'00'", [(Done.EDITED, "notice ")]),
    "a notice removed": ("DELETE FROM notice", [(Done.UNPROVEN, "notice ")]),
}


@pytest.mark.requirement("REC-07")
@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_done_to_events_is_named(kept: Kept, name: str) -> None:
    """Each kind of change to the ledger's file is told as what it is, with its event."""
    statements, expected = DAMAGE[name]
    with forced(kept[0].path) as connection:
        connection.executescript(statements)
    found = [(finding.done, finding.where) for finding in judged(kept).findings]
    assert [
        (done, where[: len(start)])
        for (done, where), (_, start) in zip(found, expected, strict=True)
    ] == expected


PROOF_DAMAGE: dict[str, tuple[str, Done]] = {
    "a salt": ("UPDATE leaf SET salt = zeroblob(32) WHERE leaf = 40", Done.EDITED),
    "a salt lost": ("UPDATE leaf SET salt = NULL WHERE leaf = 40", Done.EDITED),
    "a tile of leaves": (
        "UPDATE tile SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0 AND number = 1",
        Done.DAMAGED,
    ),
    "a tile above": ("UPDATE tile SET hashes = zeroblob(64) WHERE level = 1", Done.DAMAGED),
    "a tile lost": ("DELETE FROM tile WHERE level = 0 AND number = 1", Done.DAMAGED),
    "a leaf lost": ("DELETE FROM leaf WHERE leaf = 40", Done.DAMAGED),
    "a checkpoint": (
        "UPDATE checkpoint SET note = replace(note, '300', '301') WHERE size = 300",
        Done.FORGED,
    ),
    "a checkpoint of noise": ("UPDATE checkpoint SET note = 'noise' WHERE size = 300", Done.FORGED),
}


@pytest.mark.parametrize("name", PROOF_DAMAGE)
def test_what_was_done_to_the_proof_is_named(kept: Kept, name: str) -> None:
    """A changed tree or checkpoint is no reason to call an event edited."""
    statement, done = PROOF_DAMAGE[name]
    with forced(kept[1].path) as connection:
        connection.execute(statement)
    found = {finding.done for finding in judged(kept).findings}
    assert done in found
    assert found <= {done, Done.DAMAGED, Done.INSERTED}


def rewritten(kept: Kept) -> MemoryProof:
    """The proof as it is after all of it was made again over the events as they are now."""
    store = MemoryProof()
    for signed in kept[1].checkpoints():
        store.sign(signed)
    for leaf in kept[1].leaves(0, SIZE):
        (row,) = kept[0].rows(leaf.number - 1, 1)
        body = module.leaf_of(row[3], leaf.salt)
        hashes = [module._sha256(b"\x00" + body).digest()]
        store.extend([leaf], tiles_after(store.tile, leaf.at, hashes))
    return store


def test_a_tree_made_again_does_not_meet_its_checkpoints(kept: Kept) -> None:
    """Who rewrites event and tree is found by what was signed, and the place is bounded."""
    with forced(kept[0].path) as connection:
        connection.execute(
            """UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '"reject"', '"accept"')
            AS BLOB) WHERE seq = 202"""
        )
    report = verify(kept[0], rewritten(kept), keys=[SIGNER.verifier])
    assert {finding.done for finding in report.findings} == {Done.REWRITTEN}
    assert report.findings[0].where == "something among the events 100 to 299"
    assert report.signed_size == 100


def test_who_signs_again_is_found_by_what_was_published(kept: Kept) -> None:
    """With the key everything can be made anew, but not the checkpoint that others keep."""
    published = kept[1].checkpoints()[1].note
    with forced(kept[0].path) as connection:
        connection.execute("DELETE FROM event WHERE seq = 42")
    anew = MemoryProof()
    integrator(kept[0], anew).run(NOW_MS)
    assert verify(kept[0], anew, keys=[SIGNER.verifier]).findings == []
    report = verify(kept[0], anew, keys=[SIGNER.verifier], anchors=[published])
    assert [finding.done for finding in report.findings] == [Done.REWRITTEN]
    assert "the published checkpoint of 300 events" in str(report.findings[0])


def test_an_older_copy_is_found_by_what_was_published(kept: Kept, tmp_path: Path) -> None:
    """Ledger and proof restored together from last week fit each other, but say less."""
    older = proven(tmp_path / "older", 100)
    assert judged(older).findings == []
    text = Checkpoint(origin=ORIGIN, size=SIZE, root=bytes(32)).text()
    report = judged(older, sign(text, [SIGNER]))
    assert [finding.done for finding in report.findings] == [Done.TRUNCATED]


def test_a_checkpoint_of_another_key_is_forged(kept: Kept) -> None:
    """The operator's key did not sign it, so it proves nothing."""
    stranger = Ed25519Signer(ORIGIN, bytes(32))
    kept[1].sign(Signed(50, NOW_MS, sign("a\n50\n" + "A" * 43 + "=\n", [stranger])))
    report = judged(kept)
    assert [finding.done for finding in report.findings] == [Done.FORGED, Done.REWRITTEN]


def test_a_keyed_hash_is_told_as_such(tmp_path: Path) -> None:
    """Without the extra the ledger is proven to the operator alone, and the report says so."""
    ledger, store = MemoryLedger(), MemoryProof()
    append(ledger, refusal(notice_hash=""))
    key = HmacKey(ORIGIN, bytes(32))
    Integrator(ledger, store, origin=ORIGIN, signers=[key], random_bytes=bytes).run(NOW_MS)
    report = verify(ledger, store, keys=[key])
    assert (report.findings, report.signed_size, report.is_public) == ([], 1, False)
    assert verify(ledger, store, keys=[]).signed_size == 0


def test_erasure_leaves_every_proof_intact(kept: Kept) -> None:
    """The subject and the salt are gone from every file, and nothing is found."""
    ledger, store = kept
    (leaf,) = store.leaves(40, 1)
    (row,) = ledger.rows(leaf.number - 1, 1)
    body = module.leaf_of(row[3], leaf.salt)
    with forced(ledger.path) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("UPDATE event SET subject = '', body = ? WHERE seq = 41", (body,))
    store.forget_salts([leaf.id])
    assert judged(kept).findings == []
    for path in store.path.parent.iterdir():
        assert row[2].encode() not in path.read_bytes()
        assert (leaf.salt or b"") not in path.read_bytes()


def test_pruned_events_leave_every_proof_intact(kept: Kept) -> None:
    """The first events are gone with their salts; what is left is as it was signed."""
    ledger, store = kept
    with forced(ledger.path) as connection:
        connection.execute("DELETE FROM event WHERE seq <= 320")
    store.prune(320)
    report = judged(kept)
    assert (report.findings, report.pruned, report.signed_size) == ([], 320, SIZE)
    append(ledger, refusal(notice_hash=""))
    assert integrator(ledger, store).run(NOW_MS) == 1
    assert judged(kept).findings == []


def test_many_findings_are_counted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of noise does not fill the screen."""
    monkeypatch.setattr(module, "MOST_TOLD", 5)
    with forced(kept[0].path) as connection:
        connection.execute("UPDATE event SET body = x'00'")
    report = judged(kept)
    assert (len(report.findings), report.untold) == (5, SIZE - 5)


def flipped(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x20]))


def everything(ledger: SqliteLedger) -> object:
    return ledger.rows(0, SIZE + 10), list(ledger.notices())


def survived(call: Callable[[], object]) -> object:
    try:
        return call()
    except Exception as error:
        return repr(error)


def test_no_flipped_byte_goes_unseen(kept: Kept) -> None:
    """Any byte of the ledger's file: either nothing that is read changed, or it is told."""
    ledger, _ = kept
    ledger.close()
    with forced(ledger.path):
        pass
    before = everything(ledger)
    chosen = random.Random(7)
    seen = 0
    for _ in range(60):
        at = chosen.randrange(4096, ledger.path.stat().st_size)
        flipped(ledger.path, at)
        report = judged(kept)
        assert report.findings or survived(lambda: everything(ledger)) == before, at
        seen += bool(report.findings)
        flipped(ledger.path, at)
        for side in ("-wal", "-shm"):
            Path(f"{ledger.path}{side}").unlink(missing_ok=True)
    assert seen > 30
    assert judged(kept).findings == []


def test_notices_that_cannot_be_read_are_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events are still judged."""

    def fails() -> Iterator[tuple[str, bytes]]:
        raise module.LedgerUnavailable("malformed")

    monkeypatch.setattr(kept[0], "notices", fails)
    assert [finding.where for finding in judged(kept).findings] == ["the table of notices"]


def test_an_unreadable_row_is_named() -> None:
    """Where one row cannot be read, the rows around it are still compared."""

    class Torn(MemoryLedger):
        def rows(self, after: int, limit: int) -> list[module.Row]:
            if is_torn and after < 5 <= after + limit:
                raise module.LedgerUnavailable("malformed")
            return super().rows(after, limit)

    is_torn = False
    ledger, store = Torn(), MemoryProof()
    append(ledger, *(refusal(notice_hash="") for _ in range(9)))
    integrator(ledger, store).run(NOW_MS)
    is_torn = True
    report = verify(ledger, store, keys=[SIGNER.verifier])
    assert {finding.done for finding in report.findings} == {Done.REMOVED, Done.DAMAGED}
    assert any("event 4 " in finding.where for finding in report.findings)
    assert any("behind number 4" in finding.where for finding in report.findings)


def test_a_ledger_of_which_nothing_can_be_read_ends() -> None:
    """The report says that reading ended, and does not try for ever."""

    class Gone(MemoryLedger):
        def rows(self, after: int, limit: int) -> list[module.Row]:
            raise module.LedgerUnavailable("no such file")

    store = MemoryProof()
    store.extend([Leaf(0, 1, "x", None)], {(0, 0): bytes(32)})
    report = verify(Gone(), store, keys=[])
    assert "reading ended there: no such file" in str(report.findings[-1])
