"""Amounts of operational rows: sums and percentiles stay, and no row keeps its own."""

from __future__ import annotations

import json
from pathlib import Path

from consentgate.log.aging.parting import power_of_two
from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.day_files import format_of
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile


def row(number: int, **more: object) -> dict[str, object]:
    """An operational row whose amounts say which one it is."""
    return {
        "ts": f"2026-09-21T{number % 24:02}:00:00Z",
        "grain": "hour",
        "tier": "T0",
        "route": "/",
        "status": 200,
        "bytes": 10_000 + number,
        "dur_us": 500 + number,
        "device": "mobile" if number % 2 else "desktop",
        **more,
    }


def compacted(folder: Path, *rows: dict[str, object]) -> list[dict[str, object]]:
    sink = SegmentFile(folder)
    for one in rows:
        sink.write(one)
    sink.close()
    compact(Layout.of(folder))
    return [
        found for _, path in Layout.of(folder).parts() for found in format_of(path).read(path)
    ]  # fmt: skip


def test_the_sums_of_a_route_stay(tmp_path: Path) -> None:
    """Every amount is still there, and every other fact."""
    rows = [row(number) for number in range(400)]
    found = compacted(tmp_path, *rows)
    for name in ("bytes", "dur_us", "ts", "device"):
        assert sorted(map(str, (one[name] for one in found))) == sorted(
            map(str, (one[name] for one in rows))
        )


def test_no_row_keeps_its_own(tmp_path: Path) -> None:
    """Who knows size and duration finds a row of chance: hour and device are not that visit's."""
    rows = [row(number) for number in range(400)]
    own = {(one["bytes"], one["dur_us"]): (one["ts"], one["device"]) for one in rows}
    found = compacted(tmp_path, *rows)
    pairs = sum((one["bytes"], one["dur_us"]) in own for one in found)
    facts = sum(own.get((10_000 + int(str(one["dur_us"])) - 500, one["dur_us"])) == (one["ts"], one["device"])
                for one in found)  # fmt: skip
    assert pairs < 10
    assert facts < 400 / 24 * 2


def test_a_few_have_classes(tmp_path: Path) -> None:
    """Below five rows of a route the amounts are powers of two."""
    found = compacted(tmp_path, *(row(number, route="/rare") for number in range(4)))
    assert {(one["bytes"], one["dur_us"]) for one in found} == {(8_192, 256)}
    assert [power_of_two(n) for n in (0, 1, 3, 1_024, 1_025)] == [0, 1, 2, 1_024, 1_024]


def test_granted_rows_stay_as_they_are(tmp_path: Path) -> None:
    """T1 keeps its own amounts, and what has none stays without."""
    granted = row(1, tier="T1", ts="2026-09-21T14:05:00Z", grain="minute")
    bare = {name: value for name, value in row(2).items() if name not in ("bytes", "dur_us")}
    found = compacted(tmp_path, granted, bare)
    assert sorted(map(json.dumps, found)) == sorted(
        json.dumps({name: one[name] for name in found_order(one)}) for one in (granted, bare)
    )


def found_order(one: dict[str, object]) -> list[str]:
    """The names of a row's fields in the order of the table."""
    from consentgate.domain.record import NAMES

    return [name for name in NAMES if name in one]
