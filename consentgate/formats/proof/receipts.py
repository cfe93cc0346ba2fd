"""Owns the receipt: the visitor's copy of an event, with the proof that the ledger holds it.

A receipt is a consent record (``records``) with ``cg:proof`` beside it: the leaf, what opens its
commitment, the inclusion proof and the signed checkpoint. ``static/source/receipt-verify.js``
checks receipts by the same rules in the same order; both name the first that is broken.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consentgate.domain.policy.policy import Policy
from consentgate.formats.proof.canonical import parsed
from consentgate.formats.proof.checkpoints import (
    Checkpoint,
    LeafProof,
    checkpoint_of,
    leaf_proof_of,
)
from consentgate.formats.proof.encoding import base64_of, bytes_of
from consentgate.formats.proof.leaves import COMMITMENT, commitment
from consentgate.formats.proof.merkle import is_included, leaf_hash
from consentgate.formats.proof.notes import Note, Verifier, open_note, verifier_of
from consentgate.formats.proof.records import (
    CONTEXT,
    data_subject,
    lasting,
    moment,
    record_of,
    uuid_of,
)

MAX_CHARS = 1_000_000
MAX_DEPTH = 64
_ID = re.compile("[0-9a-f]{32}")
_TEXTS = ("id", "kind", "state", "notice_hash", "language", "policy_version", "subject", "regime")


class Broken(enum.StrEnum):
    """Which rule a receipt breaks, in the order in which they are checked."""

    UNREADABLE = "unreadable"
    """It is no receipt."""
    LEAF = "leaf"
    """Its leaf is no event in canonical JSON."""
    STATEMENT = "statement"
    """What it says in words is not what its leaf says."""
    SUBJECT = "subject"
    """Its leaf is about another subject."""
    PROOF = "proof"
    """Its proof or checkpoint cannot be read."""
    SIGNATURE = "signature"
    """A key that is known did not sign its checkpoint."""
    INCLUSION = "inclusion"
    """The tree of its checkpoint does not hold its leaf."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a receipt came to."""

    broken: Broken | None
    why: str = ""
    event: Mapping[str, Any] | None = None
    checkpoint: Checkpoint | None = None
    signed_by: str = ""
    """Name of the key that signed; empty: none that is known did."""
    is_own_key: bool = False
    """The key came with the receipt: it is worth as much as the site's word for it."""
    is_public: bool = False
    """Anyone who has the key can check the signature, not the operator alone."""

    @property
    def is_proven(self) -> bool:
        """Whether a known key signed a tree that holds the leaf."""
        return self.broken is None and bool(self.signed_by)


class _Refused(Exception):
    def __init__(self, broken: Broken, why: str) -> None:
        super().__init__(why)
        self.broken = broken


def receipt(
    leaf: bytes,
    proof: LeafProof,
    *,
    subject: str = "",
    salt: bytes | None = None,
    vkey: str = "",
    policy: Policy | None = None,
) -> str:
    """Write a receipt.

    Args:
        leaf: as the tree hashes it.
        proof: that the tree holds it.
        subject: that the leaf's commitment stands for; empty where it has none, or none any more.
        salt: of the commitment.
        vkey: of the key that signed the checkpoint; empty: only the operator can check it.
        policy: in force then, for what is the same for everyone.

    Raises:
        ValueError: the leaf is no event.
    """
    event = parsed(leaf)
    record = record_of(event, policy, is_receipt=True)
    evidence: dict[str, Any] = {
        "@type": "cg:InclusionProof",
        "cg:leaf": leaf.decode("utf-8"),
        "cg:tlogProof": proof.text(),
    }
    if subject and salt:
        record["dpv:hasDataSubject"] = data_subject(subject)
        evidence["cg:subject"] = subject
        evidence["cg:salt"] = base64_of(salt)
    if vkey:
        evidence["cg:verifierKey"] = vkey
    whole = {"@context": dict(CONTEXT), **record, "cg:proof": evidence}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def check(text: str, keys: Sequence[Verifier] = ()) -> Checked:
    """Check a receipt, offline; never raises.

    Args:
        text: the receipt.
        keys: that may have signed its checkpoint; none: the key that came with it.
    """
    try:
        return _checked(text, keys)
    except _Refused as refused:
        return Checked(refused.broken, str(refused))


def _checked(text: str, keys: Sequence[Verifier]) -> Checked:
    record, evidence = _read(text)
    event = _event(evidence)
    _check_statement(record, event)
    _check_subject(record, evidence, event)
    try:
        proof = leaf_proof_of(evidence["cg:tlogProof"])
        own = [] if keys else _own_key(evidence)
        note = open_note(proof.checkpoint, ())
        checkpoint = checkpoint_of(note.text)
    except ValueError as error:
        raise _Refused(Broken.PROOF, str(error)) from error
    note = _signed(proof.checkpoint, [*keys, *own], checkpoint)
    leaf = leaf_hash(evidence["cg:leaf"].encode("utf-8"))
    if not is_included(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root):
        raise _Refused(Broken.INCLUSION, "the tree of the checkpoint does not hold the leaf")
    signer = note.signed_by[0].name if note.signed_by else ""
    return Checked(
        broken=None,
        event=event,
        checkpoint=checkpoint,
        signed_by=signer,
        is_own_key=bool(own and signer),
        is_public=note.is_public,
    )


def _read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        if len(text) > MAX_CHARS:
            raise ValueError
        record = json.loads(text, parse_constant=_refuse, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise _Refused(Broken.UNREADABLE, "it is no JSON") from error
    if not isinstance(record, dict) or _is_deeper(record, MAX_DEPTH):
        raise _Refused(Broken.UNREADABLE, "it is no JSON object, or too deep")
    evidence = record.get("cg:proof")
    names = ("cg:leaf", "cg:tlogProof")
    if not isinstance(evidence, dict) or not all(isinstance(evidence.get(n), str) for n in names):
        raise _Refused(Broken.UNREADABLE, "it has no cg:proof with a leaf and a proof")
    return record, evidence


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _number(text: str) -> float:
    """As other readers take it: what doubles cannot hold is rounded, and so is no whole number."""
    return int(text) if len(text) <= 16 else float(text)


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(one, depth - 1) for one in inner)


def _event(evidence: Mapping[str, Any]) -> dict[str, Any]:
    try:
        event = parsed(evidence["cg:leaf"].encode("utf-8"))
    except ValueError as error:
        raise _Refused(Broken.LEAF, str(error)) from error
    if not isinstance(event, dict) or _is_deeper(event, MAX_DEPTH) or not _is_event(event):
        raise _Refused(Broken.LEAF, "the leaf is no event")
    return event


def _is_event(event: Mapping[str, Any]) -> bool:
    times = (event.get("at_ms"), event.get("expires_ms"))
    purposes = event.get("purposes")
    return (
        all(isinstance(event.get(name), str) for name in _TEXTS)
        and _ID.fullmatch(event["id"]) is not None
        and all(type(at) is int and 0 <= at < 253_402_300_800_000 for at in times)
        and isinstance(purposes, dict)
        and all(isinstance(said, bool) for said in purposes.values())
    )


def _check_statement(record: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """What people read must be what is proven."""
    for name, said, proven in (
        ("dct:identifier", record.get("dct:identifier"), uuid_of(event["id"])),
        ("the notice", _at(record, "dpv:hasNotice", "cg:sha256"), event["notice_hash"]),
        ("the language", _at(record, "dpv:hasNotice", "dct:language"), event["language"]),
        ("the state", _at(record, "dpv:hasConsentStatus", 0, "@type"), f"dpv:{event['state']}"),
        (
            "the time",
            _at(record, "dpv:hasConsentStatus", 0, "dpv:isIndicatedAtTime"),
            moment(event["at_ms"]),
        ),
        (
            "the duration",
            _at(record, "dpv:hasConsentStatus", 0, "dpv:hasDuration", "rdf:value"),
            lasting(event),
        ),
    ):
        if said != proven:
            raise _Refused(Broken.STATEMENT, f"{name} is not that of the leaf")
    processes = record.get("dpv:hasProcess")
    said_purposes = [
        (_at(process, "cg:purpose"), _at(process, "cg:granted"))
        for process in (processes if isinstance(processes, list) else ())
    ]
    is_one = len(record["dpv:hasConsentStatus"]) == 1
    if not is_one or not _is_same(said_purposes, event["purposes"]):
        raise _Refused(Broken.STATEMENT, "the purposes are not those of the leaf")


def _is_same(said: Sequence[tuple[Any, Any]], proven: Mapping[str, bool]) -> bool:
    """Whether each purpose is said once and as it is proven; 1 is not true here."""
    if not all(isinstance(key, str) and isinstance(granted, bool) for key, granted in said):
        return False
    return len(said) == len(proven) and dict(said) == dict(proven)


def _at(value: Any, *path: str | int) -> Any:
    """What stands at a path of keys and positions; None where there is nothing."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def _check_subject(
    record: Mapping[str, Any], evidence: Mapping[str, Any], event: Mapping[str, Any]
) -> None:
    """Whom the leaf is about: whoever has subject and salt can show it, nobody must."""
    subject, salt = evidence.get("cg:subject"), evidence.get("cg:salt")
    named = _at(record, "dpv:hasDataSubject", "dct:identifier")
    committed = event["subject"]
    if committed and not re.fullmatch(COMMITMENT + "[0-9a-f]{64}", committed):
        raise _Refused(Broken.SUBJECT, "the leaf names its subject in the open")
    if subject is None and salt is None and named is None:
        return
    if not isinstance(subject, str) or named != subject or not isinstance(salt, str):
        raise _Refused(Broken.SUBJECT, "the subject is not the one whose salt is given")
    if not committed or _opened(subject, salt) != committed:
        raise _Refused(Broken.SUBJECT, "the leaf is about another subject")


def _opened(subject: str, salt: str) -> str:
    try:
        return commitment(subject, bytes_of(salt))
    except ValueError:
        return ""


def _own_key(evidence: Mapping[str, Any]) -> list[Verifier]:
    vkey = evidence.get("cg:verifierKey")
    if vkey is None:
        return []
    if not isinstance(vkey, str):
        raise ValueError("expected the verifier key as a text")
    return [verifier_of(vkey)]


def _signed(text: str, keys: Sequence[Verifier], checkpoint: Checkpoint) -> Note:
    """The note with who signed it; a key signs for the log of its own name alone."""
    try:
        return open_note(text, [key for key in keys if key.name == checkpoint.origin])
    except ValueError as error:
        raise _Refused(Broken.SIGNATURE, str(error)) from error
