"""`kill -9`: whatever was acknowledged before it is in the ledger after it."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from tests.ledger.killing import Outcome, kept, killed_round, rounds
from tests.postgres import running


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Three processes write into one file, and are killed at a random moment, eight times."""
    path = tmp_path / "ledger.sqlite3"
    outcome = rounds(f"sqlite:{path}", tmp_path / "spool", 8, random.Random(9))
    assert len(outcome.acknowledged) > 200
    assert (outcome.lost, outcome.doubled) == (set(), 0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_crashing_server(tmp_path: Path) -> None:
    """The same with PostgreSQL, which crashes too; refusals of that time wait in the spool."""
    with running() as server:
        outcome = rounds(server.new(), tmp_path / "spool", 3, random.Random(9), server)
    assert len(outcome.acknowledged) > 20
    assert (outcome.lost, outcome.doubled) == (set(), 0)


@pytest.mark.slow
def test_the_harness_sees_a_ledger_that_acknowledges_too_early(tmp_path: Path) -> None:
    """The control: where the acknowledgement comes before the commit, some are lost."""
    url, spool = f"sqlite:{tmp_path}/ledger.sqlite3", tmp_path / "spool"
    outcome = Outcome(killed_round(url, spool, 0.3, "liar"))
    outcome.kept = kept(url, spool)
    assert outcome.lost
