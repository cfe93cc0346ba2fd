"""Owns which numbers may be published: small ones are left out, all are rounded, for good.

Each number of a block is rounded to a multiple of five, up or down by a chance that is fixed by a
key: the same number is the same in every report, the sum of many is right, and the difference of
two says nothing about a few visits (fixed random rounding, as statistics offices publish tables).
What fewer than five visits have is summed up as ``(other)``, fewer than ten where two facts about
visitors meet; a rest that is itself so small is left out. A total and its parts are each rounded by
a chance of their own, so what is left out cannot be worked out from the rest of a table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Cells:
    """Published numbers of one block."""

    listed: Mapping[str, int]
    other: int = 0
    """What was too small to be listed, together."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The rules, and the key that fixes the chance."""

    key: bytes
    step: int = 5
    least: int = 5
    """A cell of fewer is not listed."""
    least_crossed: int = 10
    """The same where two facts about visitors meet, and under a filter."""

    @classmethod
    def exact(cls) -> Disclosure:
        """Publish everything as it is: for tests with known answers."""
        return cls(b"", step=1, least=1, least_crossed=1)

    def number(self, name: str, count: int) -> int:
        """Round a count.

        Args:
            name: of the number, the same whenever it is asked for.
            count: the true one.
        """
        if self.step == 1:
            return count
        digest = hashlib.blake2b(name.encode(), key=self.key, digest_size=8).digest()
        chance = int.from_bytes(digest) % self.step
        return (count + chance) // self.step * self.step

    def total(self, name: str, count: int, *, is_crossed: bool = False) -> int:
        """Round a count that stands by itself; 0 where it is too small."""
        least = self.least_crossed if is_crossed else self.least
        return self.number(name, count) if count >= least else 0

    def cells(self, name: str, counts: Mapping[str, int], *, is_crossed: bool = False) -> Cells:
        """Publish what may be listed of one dimension of a block.

        Args:
            name: of the dimension, the block and the filters.
            counts: value to how many.
            is_crossed: whether two facts about visitors meet in each.
        """
        least = self.least_crossed if is_crossed else self.least
        listed = {val: n for val, n in counts.items() if n >= least and val != OTHER}
        rest = sum(counts.values()) - sum(listed.values())
        rounded = {val: self.number(f"{name}|{val}", n) for val, n in listed.items()}
        shown = {val: n for val, n in rounded.items() if n}
        return Cells(shown, self.number(f"{name}|{OTHER}", rest) if rest >= least else 0)
