"""What holds for every test: those that drive a browser come last.

Playwright's event loop runs in the main thread from the first of them to the end of the session,
and ``asyncio.run`` refuses to start beside a running loop.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from consentgate.lookup.third_parties import known_third_parties
from tests.conformance import (  # the hooks of the conformance table
    pytest_addoption,
    pytest_configure,
    pytest_deselected,
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
)
from tests.postgres import postgres

__all__ = [
    "postgres",
    "pytest_addoption",
    "pytest_configure",
    "pytest_deselected",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
]
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")  # how long an example takes says more of the machine than of us

known_third_parties()
"""Read, as it is once a server has started: what is told of a host is then told at once."""
BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order of files otherwise: a stable sort."""
    items.sort(key=lambda item: BROWSER in item.path.parents)
