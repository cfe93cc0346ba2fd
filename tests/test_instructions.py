"""How many instructions a request may take: counted under valgrind, held to the limits."""

from __future__ import annotations

import pytest

from benchmarks.instructions.__main__ import SLACK, Result, measure
from benchmarks.instructions.rows import BARE, SESSION, chosen, limits, measured_with
from tests.programs import needed


def test_every_row_has_a_limit() -> None:
    """A new row gets a limit, and a row that is gone leaves none behind."""
    rows = {row.key for row in chosen(quick=False) if not row.key.startswith((BARE, SESSION))}
    assert set(limits()) == rows


@pytest.mark.slow
def test_no_request_takes_more_instructions_than_its_limit() -> None:
    """What the gate adds, as a share of what SessionMiddleware adds, stays within the limits."""
    needed("valgrind")
    needed("cc")
    over = [
        f"{result.row.name}: {result.share:.3f} ({result.added:,.0f} instructions), "
        f"limit {result.limit} + {SLACK:.0%}"
        for result in measure(quick=True)
        if result.is_over
    ]
    assert not over, "\n".join([*over, f"the limits were measured with {measured_with()}"])


def test_a_row_over_its_limit_is_seen() -> None:
    """Five percent over the limit pass, six do not."""
    row = next(row for row in chosen(quick=True) if row.key == "idle-16")
    limit = limits()[row.key]
    assert not Result(row, 0, 0, limit * 1.04).is_over
    assert Result(row, 0, 0, limit * 1.06).is_over
