"""Owns the checkpoint of a tree (C2SP tlog-checkpoint) and the proof of one leaf (tlog-proof)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from consentgate.formats.proof.encoding import base64_of, bytes_of
from consentgate.formats.proof.merkle import HASH_BYTES

MAX_SIZE = (1 << 53) - 1
_PROOF_HEAD = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log says of itself at a size."""

    origin: str
    """Names the log, such as ``shop.example/privacy-choices``."""
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed.

        Raises:
            ValueError: an origin that is empty or has line breaks, or an impossible size or root.
        """
        if not self.origin or re.search(r"[\x00-\x1f]", self.origin):
            raise ValueError("the origin of a log is one line of text")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise ValueError("a checkpoint has a size and a root of 32 bytes")
        return f"{self.origin}\n{self.size}\n{base64_of(self.root)}\n"


def checkpoint_of(text: str) -> Checkpoint:
    """Read a checkpoint's text; lines after the third are extensions, and not ours to judge.

    Raises:
        ValueError: it is none.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise ValueError("not a checkpoint: expected an origin, a size and a root, a line each")
    return Checkpoint(origin=lines[0], size=_number(lines[1]), root=_hash(lines[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafProof:
    """That a leaf stands in the tree of a checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    """From the leaf's sibling upwards."""
    checkpoint: str
    """The signed note."""

    def text(self) -> str:
        """The proof as a file ``.tlog-proof`` holds it."""
        lines = [
            _PROOF_HEAD,
            f"index {self.index}",
            *map(base64_of, self.hashes),
            "",
            self.checkpoint,
        ]
        return "\n".join(lines)


def leaf_proof_of(text: str) -> LeafProof:
    """Read a proof; an ``extra`` line is passed by, since nothing proves it.

    Raises:
        ValueError: it is none.
    """
    head, empty, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not empty or lines[0] != _PROOF_HEAD:
        raise ValueError(f"not a proof of a leaf: expected {_PROOF_HEAD} in its first line")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]
    if len(lines) < 2 or not lines[1].startswith("index ") or len(lines) - 2 > _MAX_HASHES:
        raise ValueError("not a proof of a leaf: expected an index and hashes, a line each")
    return LeafProof(
        index=_number(lines[1].removeprefix("index ")),
        hashes=tuple(map(_hash, lines[2:])),
        checkpoint=checkpoint,
    )


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise ValueError("expected a whole number without leading zeros")
    return int(text)


def _hash(text: str) -> bytes:
    raw = bytes_of(text)
    if len(raw) != HASH_BYTES:
        raise ValueError("expected a hash of 32 bytes in base64")
    return raw
