"""Owns how leaves find their events again, when rows may have been moved, removed or put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from consentgate.errors import LedgerUnavailable
from consentgate.ledger import Ledger, Row
from consentgate.ledger.proof import Leaf

_MOST_UNREADABLE = 1_000


class Matcher:
    """Reads a ledger once, in order, and gives each leaf the event that it stands for."""

    def __init__(self, ledger: Ledger) -> None:
        self.moved: list[Leaf] = []
        self.removed: list[Leaf] = []
        self.cut: list[Leaf] = []
        """The last leaves of the tree, where none of them has its event any more."""
        self.strangers: list[tuple[int, str]] = []
        """Number and id of rows among those of the tree that it does not know."""
        self.unreadable: list[int] = []
        """Numbers behind which a row cannot be read."""
        self.columns: list[tuple[Any, ...]] = []
        """Subjects and bytes of the last rows; empty where a leaf was without its event."""
        self.pending = 0
        """Rows behind the last leaf."""
        self._ledger = ledger
        self._after = 0
        self._missing: dict[str, Leaf] = {}
        self._unknown: dict[str, int] = {}

    def rows(self, leaves: Sequence[Leaf]) -> Sequence[Row | None]:
        """The row of each leaf's event; None where it is not where it was."""
        rows = self._rows(len(leaves))
        numbers, names, *self.columns = zip(*rows, strict=True) if rows else ((), ())
        _, wanted_numbers, wanted_names, _ = zip(*leaves, strict=True)
        if numbers == wanted_numbers and names == wanted_names:
            self._after = numbers[-1]
            return rows
        self.columns = []
        return self._searched(leaves, rows)

    def _searched(self, leaves: Sequence[Leaf], rows: Sequence[Row]) -> list[Row | None]:
        end = max(max(leaf.number for leaf in leaves), self._after)
        by_number: dict[int, Row] = {}
        while rows and self._after < end:
            by_number.update((row[0], row) for row in rows if row[0] <= end)
            self._after = min(end, max(rows[-1][0], self._after + 1))
            rows = self._rows(len(leaves))
        self._after = end
        found: list[Row | None] = []
        for leaf in leaves:
            row = by_number.get(leaf.number)
            if row is not None and row[1] == leaf.id:
                del by_number[leaf.number]
                found.append(row)
            else:
                if leaf.id:
                    self._missing[leaf.id] = leaf
                found.append(None)
        self._unknown.update((row[1], row[0]) for row in by_number.values())
        return found

    def _rows(self, limit: int) -> Sequence[Row]:
        """The next rows; where they cannot be read, fewer, and at last the one behind them.

        Raises:
            LedgerUnavailable: too many of them cannot be read.
        """
        try:
            return self._ledger.rows(self._after, limit)
        except (LedgerUnavailable, ValueError):
            if limit > 1:
                return self._rows(limit // 2)
            if len(self.unreadable) == _MOST_UNREADABLE:
                raise
            self.unreadable.append(self._after)
            return [(self._after + 1, "", "", b"")]

    def finish(self, size: int) -> None:
        """Read what follows the last leaf, and sort out what became of the others.

        Args:
            size: leaves of the tree.
        """
        while rows := self._rows(10_000):
            for row in rows:
                if row[1] in self._missing:
                    self._unknown[row[1]] = row[0]
                elif row[1]:
                    self.pending += 1
            self._after = max(rows[-1][0], self._after + 1)
        gone = []
        for name, leaf in self._missing.items():
            if self._unknown.pop(name, None) is None:
                gone.append(leaf)
            else:
                self.moved.append(leaf)
        gone.sort(key=lambda leaf: leaf.at)
        while gone and gone[-1].at == size - 1 - len(self.cut):
            self.cut.append(gone.pop())
        self.cut.reverse()
        self.removed = gone
        self.strangers = sorted(
            ((number, name) for name, number in self._unknown.items() if name),
            key=lambda stranger: stranger[0],
        )
