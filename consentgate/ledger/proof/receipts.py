"""Owns how a receipt is made of what is stored."""

from __future__ import annotations

from functools import cache

from consentgate.domain.policy.policy import Policy
from consentgate.errors import ProofError
from consentgate.formats.proof.checkpoints import LeafProof, checkpoint_of
from consentgate.formats.proof.leaves import has_subject, leaf_of, subject_of
from consentgate.formats.proof.merkle import inclusion_proof, is_included, leaf_hash
from consentgate.formats.proof.notes import open_note
from consentgate.formats.proof.receipts import receipt
from consentgate.formats.proof.tiles import subtree_in_tiles
from consentgate.ledger import Ledger
from consentgate.ledger.proof import ProofStore


def receipt_of(
    ledger: Ledger,
    store: ProofStore,
    event_id: str,
    *,
    vkey: str = "",
    policy: Policy | None = None,
) -> str | None:
    """The receipt of an event; None while no signed checkpoint holds it, or it is not there.

    Args:
        ledger: that has the event.
        store: its proof.
        event_id: 32 hexadecimal digits.
        vkey: of the key that signs checkpoints; empty where only the operator can check them.
        policy: in force then, for what is the same for everyone.

    Raises:
        ProofError: event and tree do not fit; nothing is handed out that would not verify.
        LedgerUnavailable: ledger or proof cannot be read now.
    """
    leaf, signed = store.leaf(event_id), store.last_checkpoint()
    if leaf is None or signed is None or signed.size <= leaf.at:
        return None
    rows = ledger.rows(leaf.number - 1, 1)
    if not rows or rows[0][:2] != (leaf.number, event_id):
        raise ProofError(f"event {event_id} is proven and not in the ledger any more")
    body = rows[0][3]
    hashed = leaf_of(body, leaf.salt)
    hashes = inclusion_proof(subtree_in_tiles(cache(store.tile)), leaf.at, signed.size)
    root = checkpoint_of(open_note(signed.note, ()).text).root
    if not is_included(leaf_hash(hashed), leaf.at, signed.size, hashes, root):
        raise ProofError(f"event {event_id} is not the one that was proven")
    proof = LeafProof(index=leaf.at, hashes=tuple(hashes), checkpoint=signed.note)
    is_open = has_subject(body) and leaf.salt is not None
    return receipt(
        hashed,
        proof,
        subject=subject_of(body).decode() if is_open else "",
        salt=leaf.salt if is_open else None,
        vkey=vkey,
        policy=policy,
    )
