"""A power cut, simulated: what was acknowledged before it is on the disk after it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.ledger.power_cut import judge, recorded


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    """Cut at any act, with and without some sectors of what was not synced: nothing is lost."""
    acts = recorded(tmp_path, "ledger", 1.0)
    found = judge(acts, tmp_path, 30, random.Random(9))
    assert (found.with_losses, found.damaged) == (0, 0), found


@pytest.mark.slow
def test_the_simulation_sees_a_ledger_that_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """The control: with ``synchronous=NORMAL`` acknowledged choices are lost."""
    acts = recorded(tmp_path, "careless", 1.0)
    assert judge(acts, tmp_path, 20, random.Random(9)).with_losses
