"""Owns where the proof of a ledger is kept."""

from __future__ import annotations

from consentgate.errors import SettingError
from consentgate.ledger.proof import ProofStore
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.memory import MemoryProof


def proof_beside(url: str) -> ProofStore:
    """The proof of the ledger that a URL names: a file beside a SQLite ledger's.

    Raises:
        SettingError: no proof is kept beside that kind of ledger.
    """
    kind, _, rest = url.partition(":")
    if kind == "sqlite" and rest:
        return ProofFile(f"{rest.removeprefix('//')}.proof")
    if kind == "memory":
        return MemoryProof()
    raise SettingError(f'[ledger] url = "{kind}:…": a proof is kept beside "sqlite:PATH"')
