"""The modules that are compiled: at hand, or the test is skipped; where CI is set, it fails."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import pytest


def needed_module(name: str) -> Any:
    """A compiled module of the package's formats."""
    try:
        return import_module(f"consentgate.formats.html.{name}")
    except ImportError:
        missing = f"{name} is not built: install a C compiler, then run scripts/setup"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
