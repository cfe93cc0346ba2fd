"""Owns the judgement of a ledger: is it what was signed, and if not, what was done to it?

Events, tree and checkpoints are compared with one another. Whoever changes an event and nothing
else is found by the tree. Whoever changes the tree with it is found by the signed checkpoints.
Whoever can sign again is found by a checkpoint that was published outside.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consentgate.errors import LedgerUnavailable
from consentgate.formats.proof.checkpoints import Checkpoint, checkpoint_of
from consentgate.formats.proof.leaves import leaf_of
from consentgate.formats.proof.notes import Verifier, open_note
from consentgate.ledger import Ledger
from consentgate.ledger.proof import Leaf, ProofStore
from consentgate.ledger.proof.matching import Matcher
from consentgate.ledger.proof.retracing import Retraced

CHUNK = 1 << 14
"""Leaves that are compared at once; a multiple of a tile's width."""
MOST_TOLD = 1_000
"""Findings that are told one by one; beyond that they are counted."""

_sha256 = hashlib.sha256
_NOTICE = b'"notice_hash":"'


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
    try:
        _compare(ledger, store, report, _claims(store, keys, anchors, report))
    except LedgerUnavailable as error:
        report.tell(Done.DAMAGED, "what is stored", f"reading ended there: {error}")
    return report


def _compare(ledger: Ledger, store: ProofStore, report: Report, claims: list[Claim]) -> None:
    position = store.position()
    report.size, report.pruned = position.size, position.pruned
    retraced = Retraced(store.tile, report.size)
    matcher = Matcher(ledger)
    notices: set[bytes] = set()
    mismatched: list[Leaf] = []
    first = 0
    while first < report.size:
        limit = min(CHUNK, report.size - first)
        _chunk(store, matcher, retraced, report, first, limit, mismatched, notices)
        claims = _judged(claims, retraced, report, first + limit)
        first += limit
    _tell_mismatched(mismatched, retraced, report)
    told = {leaf.at for leaf in mismatched}
    for leaf in matcher.misfiled:
        if leaf.at not in told:
            report.tell(Done.EDITED, _name(leaf), "it is filed under another subject")
    _tell_unmatched(matcher, report)
    for claim in claims:
        report.tell(
            Done.TRUNCATED, "the ledger", f"{claim.where} says more; {report.size} are left"
        )
    for level, number in retraced.damaged():
        report.tell(Done.DAMAGED, f"tile {number} of level {level}", "it is not made of its leaves")
    _notices(ledger, notices, report)


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


def _chunk(
    store: ProofStore,
    matcher: Matcher,
    retraced: Retraced,
    report: Report,
    first: int,
    limit: int,
    mismatched: list[Leaf],
    notices: set[bytes],
) -> None:
    """Hash the events of the next leaves and hold them against the tree."""
    leaves = _leaves(store, report, first, limit)
    kept = retraced.kept(first, limit)
    bodies = matcher.bodies(leaves) if leaves else []
    hashes = list(kept)
    start = leaves[0].at if leaves else first + limit
    hashes[start - first :] = _hashes(leaves, bodies, kept[start - first :])
    notices.update(_notice_of(body) for body in bodies if isinstance(body, bytes))
    if hashes != kept:
        mismatched.extend(
            leaf
            for leaf, found, wanted in zip(
                leaves, hashes[start - first :], kept[start - first :], strict=True
            )
            if found != wanted
        )
    retraced.extend(hashes, kept)


def _leaves(store: ProofStore, report: Report, first: int, limit: int) -> list[Leaf]:
    """The leaves of a chunk without those that were pruned; gaps are filled with nobody's."""
    start = max(first, report.pruned)
    end = first + limit
    if start >= end:
        return []
    found = list(store.leaves(start, end - start))
    if [leaf.at for leaf in found] == list(range(start, end)):
        return found
    by_index = {leaf.at: leaf for leaf in found}
    filled = []
    for at in range(start, end):
        if at not in by_index:
            report.tell(Done.DAMAGED, f"leaf {at}", "the proof no longer says which event it was")
        filled.append(by_index.get(at, Leaf(at, 0, "", None)))
    return filled


def _hashes(
    leaves: Sequence[Leaf], bodies: Sequence[bytes | None], kept: Sequence[bytes]
) -> list[bytes]:
    """The hash of each leaf's event; the kept one where there is no event to hash."""
    try:
        return [
            wanted if body is None else _sha256(b"\x00" + leaf_of(body, leaf[3])).digest()
            for leaf, body, wanted in zip(leaves, bodies, kept, strict=True)
        ]
    except (ValueError, TypeError):  # a salt is missing or a cell has another type: whose?
        return [
            wanted if body is None else _hash_or_none(body, leaf[3])
            for leaf, body, wanted in zip(leaves, bodies, kept, strict=True)
        ]


def _hash_or_none(body: bytes, salt: bytes | None) -> bytes:
    try:
        return _sha256(b"\x00" + leaf_of(body, salt)).digest()
    except (ValueError, TypeError):
        return b""


def _notice_of(body: bytes) -> bytes:
    at = body.find(_NOTICE)
    return body[at + len(_NOTICE) : at + len(_NOTICE) + 64] if at >= 0 else b""


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


def _tell_mismatched(mismatched: Sequence[Leaf], retraced: Retraced, report: Report) -> None:
    for leaf in mismatched:
        if retraced.is_event_right(leaf.at):
            report.tell(Done.DAMAGED, f"the hash of {_name(leaf)}", "the event is as it was signed")
        else:
            report.tell(
                Done.EDITED, _name(leaf), "its bytes, its subject or its salt are not the same"
            )


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
