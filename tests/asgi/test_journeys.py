"""Whole visits from eleven places with a real place database: the table in docs/places.md is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import write_database
from tests.journeys import PAGE, Row, journeys, table, written

ASKED_FIRST = {"Germany", "France", "United Kingdom", "Quebec", "Brazil", "unknown"}
"""Where nothing optional happens before a grant."""
ORDER = ("nothing", "functional", "functional, statistics", "all")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return list(journeys(write_database(tmp_path_factory.mktemp("j") / "city.mmdb")))


def test_the_table_in_the_docs_is_what_the_gate_does(tmp_path: Path) -> None:
    """Written by the same walk; stale after a change of the rules."""
    fresh = table(write_database(tmp_path / "city.mmdb"))
    assert written(PAGE.read_text("utf-8")) == fresh, "run: python -m tests.journeys"


@pytest.mark.requirement("JUR-01", "JUR-02", "JUR-07", "SIG-04", "SIG-05", "SIG-19")
def test_the_first_answer(rows: list[Row]) -> None:
    """Opt-in places get nothing at first, the others lose what the signal objects to."""
    assert len(rows) == 33
    for place, signal, _, first, *_ in rows:
        if place in ASKED_FIRST:
            assert first == "nothing", (place, signal)
        elif place == "Switzerland" and signal == "none":
            assert first == "functional, statistics"
        else:
            without = {"none": "all", "GPC": "functional, statistics", "DNT": "functional"}
            assert first == without[signal], (place, signal)


@pytest.mark.requirement("JUR-02", "SIG-10", "SIG-19", "COL-18")
def test_whom_the_first_layer_asks(rows: list[Row]) -> None:
    """Opt-in places and nobody with DNT; US states get the link; GPC never brings a prompt up."""
    for place, signal, shape, *_ in rows:
        is_asked = shape.startswith("asked")
        assert is_asked == (
            (place in ASKED_FIRST and signal != "DNT") or (place, signal) == ("Switzerland", "none")
        )
        is_state = place in ("California", "Colorado", "United States, no state")
        assert shape.startswith("opt-out link") is is_state
        assert ("honoured" in shape) is (signal != "none")


@pytest.mark.requirement("SIG-06", "SIG-07")
def test_what_was_said_holds(rows: list[Row]) -> None:
    """Refusing refuses everywhere; a grant made after being told stands; an opt-out once
    signalled permits no more when its header is gone."""
    for place, signal, _, first, accepted, refused, gone in rows:
        assert (accepted, refused) == ("all", "nothing"), (place, signal)
        assert gone == "–" if signal == "none" else ORDER.index(gone) <= ORDER.index(first)
