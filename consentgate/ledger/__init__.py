"""Owns the ledger: append-only, durable proof of choices. Never on the path of a request's answer
except a choice's own; never knows tokens, addresses or user agents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from consentgate.domain.events import Event
from consentgate.ledger.proof import ProofStore

NOTICE_START_BYTES = 1_024
"""How much of a notice is read to list it."""

Row = tuple[int, str, str, bytes]
"""An event as it is stored: its number, its id, its subject, its exact bytes."""


WholeRow = tuple[int, str, int, str, str, bytes]
"""An event with every column: number, id, time, kind, subject, exact bytes."""


class Ledger(Protocol):
    """What every ledger promises; tests/contracts/test_ledger.py holds them to it."""

    @property
    def proof(self) -> ProofStore:
        """Where the tree over the events is kept; tests/contracts/test_proof_store.py tells what
        it promises."""
        ...

    async def append(self, event: Event) -> None:
        """Store an event; returns only when it is durable. The same id again is no new row.

        Returns or raises within APPEND_SECONDS; an event that is stored later than that is not
        left standing where it grants anything.

        Raises:
            LedgerUnavailable: it could not be made durable now.
        """
        ...

    def defer(self, event: Event) -> None:
        """Keep a refusal or withdrawal, as durably as can be had, until it can be appended.

        Raises:
            LedgerUnavailable: it could be kept nowhere.
        """
        ...

    def save(self, *, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store in one transaction what is not there yet; the first of a name stands (REC-02).

        Args:
            notices: the exact bytes of notices under their SHA-256, hexadecimal.
            meanings: what purposes and services mean under a policy, under its six-byte hash.

        Raises:
            LedgerUnavailable: they could not be stored now.
        """
        ...

    def notice(self, name: str) -> bytes | None:
        """The bytes of a notice shown once; None where there is none of that hash."""
        ...

    def notices(self) -> Iterator[tuple[str, bytes]]:
        """The hash and the first NOTICE_START_BYTES of every notice kept, oldest first."""
        ...

    def meanings(self) -> Mapping[bytes, str]:
        """Every meaning ever kept."""
        ...

    def events(self) -> Iterator[Event]:
        """Every event, oldest first."""
        ...

    def rows(self, after: int, limit: int) -> Sequence[Row]:
        """The next rows by number, their bytes unread.

        Numbers are positive and may leave gaps. A row that becomes visible later has a larger
        number than every row that was given out before: whoever reads on behind the last number
        misses none.
        """
        ...

    def rows_of(self, subject: str) -> Sequence[Row]:
        """The rows of one subject, oldest first."""
        ...

    def forget(self, before: int) -> None:
        """Remove the rows below a number for good, when their retention is over; no others ever.

        Raises:
            LedgerUnavailable: they could not be removed now.
        """
        ...

    def erase(self, subject: str) -> int:
        """Erase who it was from the events of a subject; how many there were.

        Each event stays as a tombstone: its bytes are replaced by its leaf, which says a salted
        commitment in the place of the subject, and the salt is forgotten
        (``consentgate.ledger.proof.erasing``). ``rows_of`` finds none of them any more, ``verify``
        still agrees, and receipts still prove what they proved. Works in a thread, for up to some
        seconds; it may be called again.

        Raises:
            LedgerUnavailable: it could not be done now.
        """
        ...

    def close(self) -> None:
        """Write what is queued and let go of files."""
        ...


@runtime_checkable
class Restorable(Ledger, Protocol):
    """A ledger that an evidence pack can be brought back into."""

    def put(self, rows: Sequence[WholeRow]) -> None:
        """Store rows with the numbers they had, in one transaction; only into an empty ledger.

        Raises:
            LedgerUnavailable: they could not be stored.
        """
        ...
