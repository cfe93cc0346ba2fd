"""Any sequence of acts keeps the ledger's promises: a machine of Hypothesis plays the operator,
the visitors and the accidents."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consentgate.domain.events import Event, Kind, State, event_of
from consentgate.domain.history import state_at
from consentgate.formats.proof.receipts import check
from consentgate.ledger.proof.pruning import DAY_MS, due, prune
from consentgate.ledger.proof.receipts import receipt_of
from consentgate.ledger.proof.verifying import verify
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal
from tests.ledger.proof.made import NOTICE, NOTICE_HASH, NOW_MS, SIGNER, append, integrator

SUBJECTS = [f"{number:032x}" for number in range(1, 5)]
LASTS_MS = 180 * DAY_MS
MEMORY = "/dev/shm"
"""A file system without a disk, where there is one: thousands of syncs take their time."""
MEANINGS = ("0a0b0c0d0e0f", "0f0e0d0c0b0a")


class Site(RuleBasedStateMachine):
    """Choose, withdraw, expire, migrate, integrate, erase, prune, restart, crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if os.path.isdir(MEMORY) else None))
        self.path = self.folder / "ledger.sqlite3"
        self.ledger = SqliteLedger(self.path)
        self.ledger.save(notices={NOTICE_HASH: NOTICE}, meanings={})
        self.now_ms = NOW_MS
        self.meaning = MEANINGS[0]
        self.given: dict[str, Event] = {}
        """What was acknowledged and has not been pruned, in order."""
        self.erased: set[str] = set()
        self.pruned: set[str] = set()
        self.receipts: list[str] = []

    def _facts(self) -> dict[str, object]:
        self.now_ms += 1_000
        return {
            "at_ms": self.now_ms,
            "expires_ms": self.now_ms + LASTS_MS,
            "notice_hash": NOTICE_HASH,
            "meaning": self.meaning,
        }

    def _append(self, event: Event) -> None:
        append(self.ledger, event)
        self.given[event.id] = event

    @rule(subject=st.sampled_from(SUBJECTS), signals=st.sampled_from([(), ("gpc",)]))
    def choose(self, subject: str, signals: tuple[str, ...]) -> None:
        """A visitor grants."""
        self._append(grant(subject=subject, signals=signals, **self._facts()))

    @rule()
    def refuse(self) -> None:
        """A visitor refuses, and is nobody."""
        self._append(refusal(**self._facts()))

    @rule(subject=st.sampled_from(SUBJECTS))
    def withdraw(self, subject: str) -> None:
        """A visitor takes a grant back; it is queued first, as when the file is busy."""
        event = refusal(subject=subject, kind=Kind.WITHDRAW, state=State.WITHDRAWN, **self._facts())
        self.ledger.defer(event)
        self._append(event)

    @rule()
    def migrate(self) -> None:
        """Another policy comes into force."""
        self.meaning = MEANINGS[1 - MEANINGS.index(self.meaning)]
        self.ledger.save(notices={}, meanings={bytes.fromhex(self.meaning): "{}"})

    @rule(days=st.integers(1, 400))
    def wait(self, days: int) -> None:
        """Time passes, and grants expire."""
        self.now_ms += days * DAY_MS

    @rule(batch=st.integers(1, 5))
    def integrate(self, batch: int) -> None:
        """What is new is proven."""
        integrator(self.ledger, self.ledger.proof, batch=batch).run(self.now_ms)

    @rule(subject=st.sampled_from(SUBJECTS))
    def erase(self, subject: str) -> None:
        """A visitor has everything erased."""
        mine = [one for one in self.given.values() if one.subject == subject]
        open_ones = [one for one in mine if one.id not in self.erased]
        assert self.ledger.erase(subject) == len(open_ones)
        self.erased.update(one.id for one in open_ones)

    @rule(days=st.integers(1, 200))
    def prune(self, days: int) -> None:
        """Retention ends for some."""
        found = due(self.ledger, self.ledger.proof, now_ms=self.now_ms, retention_days=days)
        prune(self.ledger, self.ledger.proof, found)
        gone = list(self.given)[: found.events]
        for name in gone:
            assert self.given[name].expires_ms + days * DAY_MS < self.now_ms
            del self.given[name]
        self.pruned.update(gone)

    @rule()
    def restart(self) -> None:
        """The server is stopped and started."""
        self.ledger.close()
        self.ledger = SqliteLedger(self.path)

    @rule(count=st.integers(1, 3))
    def crash(self, count: int) -> None:
        """A process writes, and dies without a word once it has acknowledged."""
        given = [refusal(**self._facts()) for _ in range(count)]
        self.ledger.close()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                append(SqliteLedger(self.path), *given)
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        kept = [row[1] for row in self.ledger.rows(0, 10_000)]
        order = sorted(given, key=lambda event: kept.index(event.id))
        self.given.update((event.id, event) for event in order)

    @precondition(lambda self: self.given)
    @rule(place=st.integers(0, 1_000))
    def download(self, place: int) -> None:
        """A visitor takes a receipt away, if the choice is proven by now."""
        name = list(self.given)[place % len(self.given)]
        vkey = str(SIGNER.verifier)
        text = receipt_of(self.ledger, self.ledger.proof, name, vkey=vkey)
        if text is not None:
            self.receipts.append(text)

    @invariant()
    def everything_acknowledged_is_there_once_and_in_order(self) -> None:
        """As it was said; of what was erased all but the subject."""
        found = [event_of(row[3]) for row in self.ledger.rows(0, 10_000)]
        assert [event.id for event in found] == list(self.given)
        for event in found:
            said = self.given[event.id]
            if event.id in self.erased:
                assert event.subject.startswith("salted:")
                assert (event.purposes, event.at_ms) == (said.purposes, said.at_ms)
            else:
                assert event == said

    @invariant()
    def verification_finds_nothing(self) -> None:
        """Whatever was done lawfully is no manipulation."""
        report = verify(self.ledger, self.ledger.proof, keys=[SIGNER.verifier])
        assert report.findings == []
        assert report.size + report.pending == len(self.given) + len(self.pruned)
        assert report.pruned <= len(self.pruned)

    @invariant()
    def every_receipt_still_proves(self) -> None:
        """Whatever happened to the ledger since."""
        assert all(check(text).is_proven for text in self.receipts)

    @invariant()
    def a_subject_is_permitted_what_it_said_last(self) -> None:
        """A withdrawal, an erasure or the end of its time ends a grant; nothing else grants."""
        for subject in SUBJECTS:
            mine = [
                one
                for one in self.given.values()
                if one.subject == subject and one.id not in self.erased
            ]
            rows = self.ledger.rows_of(subject)
            assert [row[1] for row in rows] == [one.id for one in mine]
            standing = state_at([event_of(row[3]) for row in rows], self.now_ms)
            last = mine[-1] if mine else None
            is_granted = (
                last is not None and last.kind is Kind.GRANT and last.expires_ms > self.now_ms
            )
            assert any(standing.purposes.values()) == is_granted

    def teardown(self) -> None:
        """Nothing of an erased subject is in any byte."""
        self.ledger.close()
        named = {one.subject for one in self.given.values() if one.id not in self.erased}
        body = b"".join(path.read_bytes() for path in self.folder.iterdir() if path.is_file())
        for subject in {one.subject for one in self.given.values()} - named - {""}:
            assert subject.encode() not in body, subject
        shutil.rmtree(self.folder)


TestSite = Site.TestCase
TestSite.settings = settings(
    max_examples=int(os.environ.get("LEDGER_EXAMPLES", "12")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSite.pytestmark = [pytest.mark.slow, pytest.mark.requirement("REC-07", "REC-08", "REC-10")]
