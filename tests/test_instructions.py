"""How many instructions a request may take: counted under valgrind, held to the limits."""

from __future__ import annotations

import pytest

from benchmarks.instructions.__main__ import SLACK, measure
from benchmarks.instructions.rows import BARE, SESSION, chosen, limits
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
    assert not over, "\n".join(over)
