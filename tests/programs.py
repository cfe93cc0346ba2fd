"""Programs that tests drive: at hand, or the test is skipped; where CI is set, it fails instead."""

from __future__ import annotations

import os
import shutil

import pytest

PATHS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


def needed(name: str) -> str:
    """The path of an installed program."""
    path = shutil.which(name, path=PATHS)
    if path is None:
        missing = f"{name} is not installed: apt-get install {name}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
