"""Erasure of a subject: who it was is gone from every byte, and every proof still holds."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from consentgate.domain.events import event_of
from consentgate.formats.proof.receipts import check
from consentgate.ledger.proof.receipts import receipt_of
from consentgate.ledger.proof.verifying import verify
from tests.events import grant, refusal
from tests.ledger.proof.made import NOW_MS, SIGNER, append, integrator, proven

SUBJECT = "5ubject0fa1l0fthem00000000000000"


@pytest.mark.requirement("REC-07")
@pytest.mark.parametrize("is_proven", [True, False])
def test_the_subject_is_gone_and_the_proof_holds(tmp_path: Path, *, is_proven: bool) -> None:
    """Erased before or after it was added to the tree: no file names it, nothing is found."""
    ledger, store = proven(tmp_path, 10)
    mine = [grant(subject=SUBJECT, at_ms=NOW_MS + n, notice_hash="") for n in range(3)]
    append(ledger, *mine, refusal(notice_hash=""))
    receipt = ""
    if is_proven:
        integrator(ledger, store).run(NOW_MS)
        receipt = receipt_of(ledger, store, mine[0].id, vkey=str(SIGNER.verifier)) or ""
        assert check(receipt).is_proven
    assert ledger.erase(SUBJECT) == 3
    assert ledger.erase(SUBJECT) == 0
    assert ledger.rows_of(SUBJECT) == []
    integrator(ledger, store).run(NOW_MS + 1)
    ledger.close()
    for path in tmp_path.iterdir():
        assert SUBJECT.encode() not in path.read_bytes(), path
    report = verify(ledger, store, keys=[SIGNER.verifier])
    assert report.findings == []
    assert report.size == 14
    if is_proven:
        assert check(receipt).is_proven, "the visitor's own copy still proves who has it"
    left = receipt_of(ledger, store, mine[0].id, vkey=str(SIGNER.verifier))
    assert left is not None
    assert check(left).is_proven
    assert SUBJECT not in left


def test_a_tombstone_says_what_was_chosen_and_not_by_whom(tmp_path: Path) -> None:
    """Time, notice and verdicts stay, and a row can still be read as an event."""
    ledger, _ = proven(tmp_path, 2)
    event = grant(subject=SUBJECT)
    append(ledger, event)
    ledger.erase(SUBJECT)
    found = [row for row in ledger.rows(0, 10) if row[1] == event.id]
    kept = event_of(found[0][3])
    assert found[0][2] == ""
    assert kept.purposes == event.purposes
    assert kept.subject.startswith("salted:")


def test_erasing_waits_for_the_integrator(tmp_path: Path) -> None:
    """While the tree is extended no row changes under it."""
    ledger, store = proven(tmp_path, 4)
    append(ledger, grant(subject=SUBJECT))
    done: list[float] = []
    with store.elected() as is_elected:
        assert is_elected
        eraser = threading.Thread(target=lambda: done.append(ledger.erase(SUBJECT)))
        eraser.start()
        time.sleep(0.2)
        assert done == []
    eraser.join()
    assert done == [1]


def test_the_guards_are_up_again(tmp_path: Path) -> None:
    """After an erasure no row can be changed or deleted as before."""
    import sqlite3

    ledger, _ = proven(tmp_path, 3)
    append(ledger, grant(subject=SUBJECT))
    ledger.erase(SUBJECT)
    connection = sqlite3.connect(ledger.path)
    for statement in ("UPDATE event SET kind = 'x'", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()
