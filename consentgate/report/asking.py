"""Owns how numbers are asked for: true counts by block, published by the rules, added up.

Nothing else of the room sees a true count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from consentgate.errors import SettingError
from consentgate.report.columns import FILTERS, MEASURES
from consentgate.report.disclosure import OTHER, Disclosure
from consentgate.report.periods import Period
from consentgate.report.source import Source

Blocks = dict[str, Counter[str]]
"""Block to value to its true count."""


@dataclass(frozen=True, slots=True)
class Published:
    """Published numbers of one measure by value."""

    by_value: Mapping[str, int] = field(default_factory=dict)
    other: int = 0

    @property
    def total(self) -> int:
        """All of it that may be published."""
        return sum(self.by_value.values()) + self.other


class Asking:
    """Asks one source about one period, under the same filters."""

    def __init__(
        self,
        source: Source,
        period: Period,
        disclosure: Disclosure,
        filters: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare.

        Args:
            source: the log.
            period: days that are asked about.
            disclosure: what may be published.
            filters: names of FILTERS to the value that rows must have.

        Raises:
            SettingError: there is no such filter.
        """
        self.source, self.period, self.disclosure = source, period, disclosure
        self.filters = dict(sorted((filters or {}).items()))
        for name in self.filters:
            if name not in FILTERS:
                raise SettingError(f"{name}: no such filter; expected one of {', '.join(FILTERS)}")
        self._blocks = f"blocks_{period.since:%Y%m%d}_{period.until:%Y%m%d}"
        source.database.execute(
            f"create table if not exists {self._blocks} (day date, block varchar)"
        )
        if not source.ask(f"select 1 from {self._blocks} limit 1"):
            values = ", ".join(f"('{day}', '{block}')" for day, block in period.blocks())
            source.database.execute(f"insert into {self._blocks} values {values}")

    @property
    def is_filtered(self) -> bool:
        """Whether only some rows are asked about; sums have one dimension and cannot be."""
        return bool(self.filters)

    def rows(self, measure: str, value: str = "''", *, number: str = "count(*)") -> Blocks:
        """Count rows by block and value.

        Args:
            measure: a name of MEASURES, or a condition on rows.
            value: SQL of the value; rows without one are not counted.
            number: SQL of what is counted.
        """
        narrowed = "".join(f" and {FILTERS[name]} = ?" for name in self.filters)
        found = self.source.ask(
            f"select block, value, n from (select block, cast({value} as varchar) as value, "
            f"{number} as n from rows join {self._blocks} using (day) "
            f"where ({MEASURES.get(measure, measure)}){narrowed} group by all) "
            "where value is not null",
            *self.filters.values(),
        )
        return _blocks(found)

    def sums(self, source: str, dim: str) -> Blocks:
        """Add up sums by block and value; none under a filter.

        Args:
            source: whose, see ``report/sums``.
            dim: their dimension; ``%`` stands for any text.
        """
        if self.is_filtered:
            return {}
        found = self.source.ask(
            f"select block, val, sum(n)::bigint from sums join {self._blocks} using (day) "
            "where source = ? and dim like ? group by all",
            *(source, dim),
        )
        return _blocks(found)

    def aged(self, dim: str, tiers: str = "T") -> Blocks:
        """Add up sums of people's rows that are deleted by now; ``TB`` are machines'."""
        if tiers == "TB":
            return self.sums("aged", f"TB|{dim}")
        return joined(*(self.sums("aged", f"{tier}|{dim}") for tier in ("T0", "T1", "T2")))

    def publish(self, name: str, blocks: Blocks, *, is_crossed: bool = False) -> Published:
        """Publish what may be known of counts by value.

        Args:
            name: of the measure and the dimension: the same numbers have the same name everywhere.
            blocks: true counts.
            is_crossed: whether two facts about visitors meet in each.
        """
        by_value: Counter[str] = Counter()
        other, crossed = 0, is_crossed or self.is_filtered
        for block, counts in blocks.items():
            cells = self.disclosure.cells(self._name(name, block), counts, is_crossed=crossed)
            by_value.update(cells.listed)
            other += cells.other
        return Published(dict(by_value), other)

    def total(self, name: str, blocks: Blocks) -> int:
        """Publish how many there are over all values."""
        return sum(
            self.disclosure.total(
                self._name(name, block), sum(counts.values()), is_crossed=self.is_filtered
            )
            for block, counts in blocks.items()
        )

    def _name(self, name: str, block: str) -> str:
        narrowed = ",".join(f"{key}={value}" for key, value in self.filters.items())
        return f"{name}|{narrowed}|{block}"


def _blocks(found: list[tuple[str, str, int]]) -> Blocks:
    blocks: Blocks = defaultdict(Counter)
    for block, value, n in found:
        blocks[block][value or ""] += n
    return blocks


def joined(*several: Blocks) -> Blocks:
    """The same counts from several places, added up."""
    sums: Blocks = defaultdict(Counter)
    for blocks in several:
        for block, counts in blocks.items():
            sums[block].update(counts)
    return sums


def renamed(blocks: Blocks, names: Mapping[str, str]) -> Blocks:
    """The same counts under other values; what has no other name is ``(other)``."""
    sums: Blocks = defaultdict(Counter)
    for block, counts in blocks.items():
        for value, n in counts.items():
            sums[block][names.get(value, OTHER)] += n
    return sums
