"""Owns the file lock by which processes on one machine take turns."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a file, mode 0600, made where it is missing; waits for its turn.

    Raises:
        OSError: the file cannot be made or locked.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        # A child forked meanwhile shares this open file, and with it the lock: closing here
        # alone would leave the lock held for as long as the child lives (flock(2)).
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)
