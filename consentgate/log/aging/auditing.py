"""Owns measuring how well rows hide in each other: how many are alone in what they say.

Changes nothing. A row that is alone says more of one visit than a sum does; what it says may be
joined to another log that has the same facts.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import NamedTuple

from consentgate.domain.record import Tier
from consentgate.log.keeping.reading import rows_of_log
from consentgate.log.keeping.segment_lines import Found, Row
from consentgate.log.writing.layout import Layout

LEAST = 5
FACTS = {
    "T0 rows in a cell below 5 by day, route, referrer's class and device": (
        *("ts", "route", "ref_class", "device"),
    ),
    "T0 rows in a cell below 5 by hour, route, referrer's class and device": (
        *("hour", "route", "ref_class", "device"),
    ),
    "T0 rows alone in day, size and duration": ("ts", "bytes", "dur_us"),
}
"""What is measured of T0, and the facts that make a cell."""
FINGERPRINT = ("country", "lang", "browser", "bmaj", "os", "device")
ALONE = "visitor-days of T1 alone in country, language, browser, version, system and device"
AGAIN = "of those, alone with the same facts on the next day: the two days can be joined"


class Audit(NamedTuple):
    """One measure."""

    what: str
    rows: int
    alone: int

    @property
    def percent(self) -> float:
        """The share, 0 of nothing."""
        return round(100 * self.alone / self.rows, 1) if self.rows else 0.0


def audit(layout: Layout, since: str, until: str) -> list[Audit]:
    """Measure the rows of some days.

    Raises:
        LogError: there is no site log, or a file cannot be read.
    """
    cells: dict[str, Counter[tuple[object, ...]]] = {what: Counter() for what in FACTS}
    people: dict[str, dict[str, tuple[object, ...]]] = defaultdict(dict)
    for row in rows_of_log(layout, Found(), since=since, until=until):
        if row["tier"] == Tier.OPERATIONAL:
            for what, names in FACTS.items():
                cells[what][tuple(_fact(row, name) for name in names)] += 1
        elif "visitor" in row:
            print_of = tuple(row.get(name) for name in FINGERPRINT)
            people[row["ts"][:10]][row["visitor"]] = print_of
    found = [_of_cells(what, counts) for what, counts in cells.items()]
    return [*found, *_of_people(people)]


def _fact(row: Row, name: str) -> object:
    if name == "ts":
        return row["ts"][:10]
    return row["ts"][:13] if name == "hour" else row.get(name)


def _of_cells(what: str, counts: Counter[tuple[object, ...]]) -> Audit:
    least = 2 if "alone" in what else LEAST
    return Audit(what, counts.total(), sum(n for n in counts.values() if n < least))


def _of_people(people: dict[str, dict[str, tuple[object, ...]]]) -> list[Audit]:
    alone_by_day: dict[str, set[tuple[object, ...]]] = {}
    for day, prints in sorted(people.items()):
        counts = Counter(prints.values())
        alone_by_day[day] = {one for one, n in counts.items() if n == 1}
    days = sorted(alone_by_day)
    alone = sum(map(len, alone_by_day.values()))
    again = sum(
        len(alone_by_day[day] & alone_by_day[after]) for day, after in itertools.pairwise(days)
    )
    whole = sum(map(len, people.values()))
    return [Audit(ALONE, whole, alone), Audit(AGAIN, alone, again)]
