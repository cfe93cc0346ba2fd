"""What no sequence of reports may tell: a number of fewer visits than may be shown."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate.report.disclosure import OTHER, Disclosure
from consentgate.report.periods import Period

FIRST = dt.date(2026, 11, 2)
DAYS = 14
VALUES = ("NO", "DE", "SE", "VA")
Log = Mapping[tuple[int, str], int]
"""Day and value to how many visits."""


def reports_of(log: Log) -> Iterator[tuple[str, int, bool]]:
    """Every number that any report of any period is a sum of: name, true count, whether listed."""
    blocks: dict[str, Counter[str]] = {}
    for start in range(DAYS):
        for end in range(start, DAYS):
            days = Period(FIRST + dt.timedelta(start), FIRST + dt.timedelta(end))
            for day, block in days.blocks():
                counts = blocks.setdefault(f"{block}", Counter())
                number = (day - FIRST).days
                for value in VALUES:
                    counts[f"{number}/{value}"] = log[number, value]
    for block, counts in blocks.items():
        by_value: Counter[str] = Counter()
        for key, n in counts.items():
            by_value[key.partition("/")[2]] += n
        yield f"total|{block}", sum(by_value.values()), True
        for value, n in by_value.items():
            yield f"country|{block}|{value}", n, True


def published(rules: Disclosure, log: Log) -> dict[str, int]:
    """What a reader who asks for every period is told."""
    return {
        name: rules.number(name, n) if n >= rules.least else 0 for name, n, _ in reports_of(log)
    }


def may_be(shown: int, n: int, rules: Disclosure) -> bool:
    """Whether some chance shows that number of a true count."""
    if n < rules.least:
        return shown == 0
    return shown in (n // rules.step * rules.step, -(-n // rules.step) * rules.step)


def is_possible(rules: Disclosure, told: Mapping[str, int], log: Log) -> bool:
    """Whether another log could have told the same."""
    return all(n >= 0 and may_be(told[name], n, rules) for name, n, _ in reports_of(log))


def changed(log: Log, day: int, value: str, chance: random.Random) -> dict[tuple[int, str], int]:
    """Another log in which that cell is another one: visits trade their days and values."""
    other_day = chance.choice([one for one in range(DAYS) if one != day])
    other_value = chance.choice([one for one in VALUES if one != value])
    step = chance.choice((1, -1))
    new = dict(log)
    new[day, value] += step
    new[other_day, other_value] += step
    if chance.random() < 0.7:
        new[day, other_value] -= step
        new[other_day, value] -= step
    return new


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6))
def test_no_sequence_of_reports_reveals_a_suppressed_cell(seed: int) -> None:
    """Whoever asks for every period and every value still finds more than one true count possible
    for each cell that is left out."""
    chance = random.Random(seed)
    rules = Disclosure(chance.randbytes(32))
    weights = {"NO": 40, "DE": 12, "SE": 6, "VA": 2}
    log = {
        (day, value): chance.randrange(weights[value]) for day in range(DAYS) for value in VALUES
    }
    told = published(rules, log)
    for (day, value), n in log.items():
        if 0 < n < rules.least:
            tries = (changed(log, day, value, chance) for _ in range(4_000))
            assert any(is_possible(rules, told, other) for other in tries), (day, value, n)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=8), st.booleans())
def test_no_small_number_is_listed(counts: dict[str, int], is_crossed: bool) -> None:
    """Under five, or ten where two facts meet, a value is not even named."""
    cells = Disclosure(b"k").cells("x", counts, is_crossed=is_crossed)
    least = 10 if is_crossed else 5
    assert all(counts[value] >= least for value in cells.listed)
    assert all(n % 5 == 0 for n in (*cells.listed.values(), cells.other))
    assert OTHER not in cells.listed


def test_rounding_is_right_on_average() -> None:
    """Up or down by a chance that makes sums right: 3 parts in 5 of 23 become 25."""
    rules = Disclosure(b"k")
    numbers = [rules.number(str(name), 23) for name in range(4_000)]
    assert set(numbers) == {20, 25}
    assert sum(numbers) / len(numbers) == pytest.approx(23, abs=0.15)


def test_another_key_is_another_chance() -> None:
    """Who does not have the key cannot undo it."""
    one, other = Disclosure(b"a"), Disclosure(b"b")
    names = [str(number) for number in range(50)]
    assert [one.number(n, 23) for n in names] != [other.number(n, 23) for n in names]
