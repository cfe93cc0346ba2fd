"""Owns how measured amounts part from operational records when those are compacted.

Size and duration of an answer make nearly every record unique, and lead to the line of another log
that has them too. So the amounts of all T0 rows of a day with the same route and outcome are sorted
and dealt out anew: each sum and percentile by day and route stays what it is, and no row keeps its
own. Where there are few such rows the amounts become classes, a power of two.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from consentgate.domain.record import Tier
from consentgate.log.keeping.segment_lines import Row, in_order

LEAST = 5
"""Rows among which amounts are dealt out."""
AMOUNTS = ("bytes", "dur_us")
Group = tuple[Any, ...]


class Parting:
    """Collects the operational rows of one day of one compaction."""

    def __init__(self, encode: Callable[[object], bytes]) -> None:
        """Start with none; ``encode`` makes a line of a row."""
        self._encode = encode
        self._heads: dict[Group, list[bytes]] = defaultdict(list)
        self._amounts: dict[Group, dict[str, list[int]]] = {}

    def add(self, row: Row) -> bool:
        """Take an operational row; False: it is of another tier, and stays as it is."""
        if row["tier"] != Tier.OPERATIONAL or "bytes" not in row or "dur_us" not in row:
            return False
        key = tuple(row.get(name) for name in ("method", "route", "kind", "status", "v"))
        amounts = self._amounts.setdefault(key, {name: [] for name in AMOUNTS})
        for name in AMOUNTS:
            amounts[name].append(row[name])
        rest = {name: value for name, value in row.items() if name not in AMOUNTS}
        self._heads[key].append(self._encode(in_order(rest)))
        return True

    def lines(self, seed: str) -> Iterator[bytes]:
        """Give every row with amounts that are not its own.

        Args:
            seed: of the order; what is dealt out was sorted first, so it leads nowhere.
        """
        for key, heads in sorted(self._heads.items(), key=lambda item: repr(item[0])):
            dealt = [self._dealt(key, name, f"{seed}|{name}|{key!r}") for name in AMOUNTS]
            for head, sent, taken in zip(sorted(heads), *dealt, strict=True):
                yield head[:-2] + b',"bytes":%d,"dur_us":%d}\n' % (sent, taken)

    def _dealt(self, key: Group, name: str, seed: str) -> list[int]:
        amounts = sorted(self._amounts[key][name])
        if len(amounts) < LEAST:
            return list(map(power_of_two, amounts))
        random.Random(seed).shuffle(amounts)
        return amounts


def power_of_two(amount: int) -> int:
    """The greatest power of two that is no greater; 0 stays."""
    return 1 << (amount.bit_length() - 1) if amount > 0 else 0
