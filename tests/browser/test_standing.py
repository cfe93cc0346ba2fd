"""A sample of the standing test: vendors' own lines, judged by requests, handshakes and storage.

``python -m benchmarks.standing`` judges every service whose lines are at hand, in every mode.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from benchmarks.standing.running import World, judged, world
from benchmarks.standing.sample import SAMPLE
from benchmarks.standing.site import Mode, published
from benchmarks.standing.visits import ALL
from tests.programs import needed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.requirement("STO-01", "STO-02", "STO-05", "STO-07", "STO-13", "STO-17", "COL-15"),
]

# The mode that holds most, and the one in which the bytes are all there is
MODES = {"most": Mode("enforce", "per-visitor"), "bytes alone": Mode("off", "shared")}


@pytest.fixture(scope="module")
def here(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stand-ins, and a browser that takes them for everybody."""
    needed("openssl")
    folder = tmp_path_factory.mktemp("parties")
    with world(folder, chromium.browser_type, needed("chromium")) as running:
        yield running


def test_the_sample_is_published() -> None:
    """Every service of it has its vendor's lines at hand."""
    assert set(SAMPLE) <= set(published())


STATES = {
    "most": ALL,
    "bytes alone": ("first visit", "reject", "only statistics", "accept", "withdraw"),
}


@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_asked_before_and_everybody_comes_back(here: World, mode: str) -> None:
    """Nothing leaks in any state, with script or without; what is granted is there and works."""
    faults = {
        (one.case.state, one.case.has_script): one.faults
        for one in judged(here, list(SAMPLE), modes=[MODES[mode]], wanted=STATES[mode])
    }
    assert {case: found for case, found in faults.items() if found} == {}
