"""Owns the judgement of a ledger: is it what was signed, and if not, what was done to it?

Events, tree and checkpoints are compared with one another. Whoever changes an event and nothing
else is found by the tree. Whoever changes the tree with it is found by the signed checkpoints.
Whoever can sign again is found by a checkpoint that was published outside.
"""

from __future__ import annotations

import enum
import gc
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consentgate.errors import LedgerUnavailable
from consentgate.formats.proof.checkpoints import Checkpoint, checkpoint_of
from consentgate.formats.proof.leaves import COMMITMENT, leaf_of, subject_of
from consentgate.formats.proof.notes import Verifier, open_note
from consentgate.formats.proof.tiles import hashes_of
from consentgate.ledger import Ledger, Row
from consentgate.ledger.proof import Leaf, ProofStore
from consentgate.ledger.proof.matching import Matcher
from consentgate.ledger.proof.retracing import Retraced

CHUNK = 1 << 13
"""Leaves that are compared at once; a multiple of a tile's width."""
MOST_TOLD = 1_000
"""Findings that are told one by one; beyond that they are counted."""

_sha256 = hashlib.sha256
_NOTICE = b'"notice_hash":"'
_COMMITTED = b'"subject":"' + COMMITMENT.encode() + b'%s"'


class Done(enum.StrEnum):
    """What was done to a ledger."""

    EDITED = "edited"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    DAMAGED = "damaged"
    FORGED = "forged"
    UNPROVEN = "unproven"


class Finding(NamedTuple):
    """One thing that is not as it was signed."""

    done: Done
    where: str
    """``event 12 (id …)``, ``notice …``, ``checkpoint of 400 events``."""
    why: str

    def __str__(self) -> str:
        return f"{self.where} was {self.done}: {self.why}"


@dataclass(slots=True)
class Report:
    """What a verification found."""

    findings: list[Finding] = field(default_factory=list)
    untold: int = 0
    """Findings beyond MOST_TOLD."""
    size: int = 0
    """Leaves of the tree."""
    pruned: int = 0
    """The first of them whose events were removed when their time was over."""
    pending: int = 0
    """Events that the tree does not hold yet."""
    checkpoints: int = 0
    signed_size: int = 0
    """The size up to which the tree is as it was signed by a key that was given."""
    is_public: bool = False
    """Whether anyone can check that signature, not the operator alone."""

    def tell(self, done: Done, where: str, why: str) -> None:
        """Add a finding."""
        if len(self.findings) < MOST_TOLD:
            self.findings.append(Finding(done, where, why))
        else:
            self.untold += 1


class Claim(NamedTuple):
    """A checkpoint that the tree has to meet."""

    checkpoint: Checkpoint
    where: str
    is_signed: bool
    is_public: bool


def verify(
    ledger: Ledger,
    store: ProofStore,
    *,
    keys: Sequence[Verifier],
    anchors: Iterable[str] = (),
) -> Report:
    """Compare a ledger with its tree, its checkpoints and those published outside.

    Args:
        ledger: whose events are read, each once.
        store: its proof.
        keys: that may have signed checkpoints.
        anchors: signed notes that were published outside.
    """
    report = Report()
    # Millions of rows come and go and none is part of a circle: looking for some costs a tenth.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        _compare(ledger, store, report, _claims(store, keys, anchors, report))
    except LedgerUnavailable as error:
        report.tell(Done.DAMAGED, "what is stored", f"reading ended there: {error}")
    finally:
        if was_collecting:
            gc.enable()
    return report


def _compare(ledger: Ledger, store: ProofStore, report: Report, claims: list[Claim]) -> None:
    position = store.position()
    report.size, report.pruned = position.size, position.pruned
    comparison = _Comparison(ledger, store, report)
    first = 0
    while first < report.size:
        limit = min(CHUNK, report.size - first)
        comparison.chunk(first, limit)
        claims = _judged(claims, comparison.retraced, report, first + limit)
        first += limit
    _tell_events(comparison, report)
    _tell_unmatched(comparison.matcher, report)
    for claim in claims:
        report.tell(
            Done.TRUNCATED, "the ledger", f"{claim.where} says more; {report.size} are left"
        )
    for level, number in comparison.retraced.damaged():
        report.tell(Done.DAMAGED, f"tile {number} of level {level}", "it is not made of its leaves")
    _notices(ledger, comparison.notices, report)


def _claims(
    store: ProofStore, keys: Sequence[Verifier], anchors: Iterable[str], report: Report
) -> list[Claim]:
    """Every checkpoint, smallest first; a forged one is told and left out."""
    found = []
    kept = [(signed.note, "the checkpoint") for signed in store.checkpoints()]
    report.checkpoints = len(kept)
    for text, whose in [*kept, *((text, "the published checkpoint") for text in anchors)]:
        try:
            note = open_note(text, keys)
            checkpoint = checkpoint_of(note.text)
        except ValueError as error:
            report.tell(Done.FORGED, whose, str(error))
            continue
        where = f"{whose} of {checkpoint.size} events"
        if keys and not note.signed_by:
            report.tell(Done.FORGED, where, "no key that was given signed it")
        if checkpoint.size:
            found.append(Claim(checkpoint, where, bool(note.signed_by), note.is_public))
    return sorted(found, key=lambda claim: claim.checkpoint.size)


class _Comparison:
    """Holds events against the leaves of the tree, a chunk at a time."""

    def __init__(self, ledger: Ledger, store: ProofStore, report: Report) -> None:
        self.matcher = Matcher(ledger)
        self.retraced = Retraced(store)
        self.mismatched: list[Leaf] = []
        """Leaves whose event has another hash."""
        self.misfiled: list[Leaf] = []
        """Leaves whose event stands under another subject than its bytes name."""
        self.notices: set[bytes] = set()
        self._store = store
        self._report = report
        self._notice = b"\n"
        self._places: dict[int, int] = {}

    def chunk(self, first: int, limit: int) -> None:
        """Compare the next leaves."""
        whole = self.retraced.kept(first, limit)
        leaves = _leaves(self._store, self._report, first, limit)
        rows = self.matcher.rows(leaves) if leaves else ()
        self._note_notices(rows)
        columns = self.matcher.columns
        if columns and len(leaves) == limit:
            hashes = _hashes_at_once([leaf[3] for leaf in leaves], *columns)
            if b"".join(hashes) == whole:
                self.retraced.extend(hashes, hashes)
                return
        kept = hashes_of(whole)
        pruned = limit - len(leaves)
        found = [
            wanted if row is None else self._hash(leaf, row, wanted)
            for leaf, row, wanted in zip(leaves, rows, kept[pruned:], strict=True)
        ]
        self.retraced.extend(kept[:pruned] + found, kept)

    def _hash(self, leaf: Leaf, row: Row, wanted: bytes) -> bytes:
        _, _, subject, body = row
        try:
            found = _sha256(b"\x00" + leaf_of(body, leaf.salt)).digest()
        except (ValueError, TypeError):
            found = b""
        if found != wanted:
            self.mismatched.append(leaf)
        elif subject != (subject_of(body).decode() if leaf.salt else ""):
            self.misfiled.append(leaf)
        return found

    def _note_notices(self, rows: Sequence[Row | None]) -> None:
        """Note which notices are named; most rows of one length name the same at one place."""
        places = self._places
        for row in rows:
            body = row[3] if row is not None else b""
            try:
                if body.startswith(self._notice, places.get(len(body), 0)):
                    continue
                at = body.find(_NOTICE)
            except (TypeError, AttributeError):  # no bytes: told elsewhere
                continue
            if at >= 0:
                places[len(body)] = at
                self._notice = body[at : at + len(_NOTICE) + 65]
                self.notices.add(self._notice[len(_NOTICE) : -1])


def _hashes_at_once(
    salts: Sequence[bytes | None], subjects: Sequence[str], bodies: Sequence[bytes]
) -> list[bytes]:
    """The hashes of events as they should be; of one that is not, any other bytes."""
    try:
        return [
            (b"" if subject else _sha256(b"\x00" + body).digest())
            if salt is None
            else _salted_hash(body, subject.encode(), salt)
            for salt, subject, body in zip(salts, subjects, bodies, strict=True)
        ]
    except (TypeError, AttributeError):  # a cell has another type
        return []


def _salted_hash(body: bytes, subject: bytes, salt: bytes) -> bytes:
    """The hash of a leaf, where the event has the subject under which it is filed."""
    head, key, tail = body.partition(b'"subject":"' + subject + b'"')
    if not key:
        return b""
    committed = _COMMITTED % _sha256(b"\x02" + salt + subject).hexdigest().encode()
    return _sha256(b"\x00" + head + committed + tail).digest()


def _leaves(store: ProofStore, report: Report, first: int, limit: int) -> list[Leaf]:
    """The leaves of a chunk without those that were pruned; gaps are filled with nobody's."""
    start = max(first, report.pruned)
    end = first + limit
    if start >= end:
        return []
    found = list(store.leaves(start, end - start))
    if len(found) == end - start and (found[0].at, found[-1].at) == (start, end - 1):
        return found
    by_index = {leaf.at: leaf for leaf in found}
    filled = []
    for at in range(start, end):
        if at not in by_index:
            report.tell(Done.DAMAGED, f"leaf {at}", "the proof no longer says which event it was")
        filled.append(by_index.get(at, Leaf(at, 0, "", None)))
    return filled


def _judged(claims: list[Claim], retraced: Retraced, report: Report, size: int) -> list[Claim]:
    """Hold the tree against the checkpoints that it has reached; those that are left."""
    while claims and claims[0].checkpoint.size <= size:
        claim = claims.pop(0)
        if retraced.meets(claim.checkpoint.size, claim.checkpoint.root):
            if claim.is_signed:
                report.signed_size = claim.checkpoint.size
                report.is_public = claim.is_public
            continue
        report.tell(
            Done.REWRITTEN,
            f"something among the events {retraced.last_met} to {claim.checkpoint.size - 1}",
            f"{claim.where} has another root",
        )
    return claims


def _name(leaf: Leaf) -> str:
    return f"event {leaf.at} (number {leaf.number}, id {leaf.id})"


def _tell_events(comparison: _Comparison, report: Report) -> None:
    for leaf in comparison.mismatched:
        if comparison.retraced.is_event_right(leaf.at):
            report.tell(Done.DAMAGED, f"the hash of {_name(leaf)}", "the event is as it was signed")
        else:
            report.tell(Done.EDITED, _name(leaf), "its bytes, its subject or its salt changed")
    for leaf in comparison.misfiled:
        report.tell(Done.EDITED, _name(leaf), "it is filed under another subject")


def _tell_unmatched(matcher: Matcher, report: Report) -> None:
    matcher.finish(report.size)
    report.pending = matcher.pending
    for leaf in matcher.moved:
        where = f"event {leaf.at} (id {leaf.id})"
        report.tell(Done.REORDERED, where, f"it no longer stands at number {leaf.number}")
    for leaf in matcher.removed:
        report.tell(Done.REMOVED, _name(leaf), "it is not there")
    if matcher.cut:
        first, last = matcher.cut[0], matcher.cut[-1]
        report.tell(
            Done.TRUNCATED,
            "the ledger",
            f"its last {len(matcher.cut)} events are gone: {first.at} (id {first.id}) to "
            f"{last.at} (id {last.id})",
        )
    for number, name in matcher.strangers:
        report.tell(Done.INSERTED, f"number {number} (id {name})", "the tree has no such event")
    for number in matcher.unreadable:
        report.tell(Done.DAMAGED, f"the event behind number {number}", "it cannot be read")


def _notices(ledger: Ledger, named: set[bytes], report: Report) -> None:
    """Every notice is still what its name says, and every notice that an event names is there."""
    try:
        kept = [name for name, _ in ledger.notices()]
    except LedgerUnavailable as error:
        report.tell(Done.DAMAGED, "the table of notices", str(error))
        return
    for name in kept:
        body = ledger.notice(name)
        if body is None or _sha256(body).hexdigest() != name:
            report.tell(Done.EDITED, f"notice {name}", "its bytes are not those of its hash")
    for missing in sorted(named - {b""} - {name.encode() for name in kept}):
        if len(missing) == 64 and b'"' not in missing:
            name = missing.decode("ascii", "replace")
            report.tell(Done.UNPROVEN, f"notice {name}", "events name it and it is not kept")
