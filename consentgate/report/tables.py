"""Owns what a report is when it is made: a table, what it rests on, and how it is best drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name for programs, its title for people."""

    name: str
    title: str
    unit: str = ""
    """``%``, ``ms``, ``bytes``, ``min``; empty: text or a count."""

    @property
    def is_number(self) -> bool:
        """Whether its cells are set to the right."""
        return self.name not in ("value", "value2", "note", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One report."""

    name: str
    title: str
    question: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    coverage: str
    """What the numbers rest on, in a sentence."""
    notes: Sequence[str] = field(default_factory=tuple)
    chart: str = "bars"
    """``bars``, ``line``, ``heat``, or empty: the table alone."""
