"""Owns reading on in a ledger from behind the last row that was read; never knows what for."""

from __future__ import annotations

from collections.abc import Iterator

from consentgate.ledger import Ledger, Row


def rows_behind(ledger: Ledger, number: int, *, at_once: int) -> Iterator[Row]:
    """Every row behind a number, a few at a time.

    Raises:
        LedgerUnavailable: it cannot be read now.
    """
    while rows := ledger.rows(number, at_once):
        yield from rows
        number = rows[-1][0]


def still_has(ledger: Ledger, number: int, name: str) -> bool:
    """Whether a row that was read is still there; else another ledger has taken its place.

    Args:
        ledger: as it is now.
        number: of the row.
        name: id of its event.
    """
    rows = ledger.rows(number - 1, 1)
    return bool(rows) and rows[0][:2] == (number, name)
