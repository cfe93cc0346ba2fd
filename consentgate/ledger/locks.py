"""Owns the file lock by which processes on one machine take turns."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_SECONDS = 1.2
"""How long a turn is waited for: whoever holds it longer is stuck."""
_SHORTEST_PAUSE = 0.000_1
_LONGEST_PAUSE = 0.002


@contextlib.contextmanager
def held(path: Path, *, seconds: float = LOCK_SECONDS, is_shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, mode 0600, made where it is missing; waits for its turn.

    Args:
        path: of the file.
        seconds: how long the turn is waited for.
        is_shared: others may hold it at the same time, if they share it too.

    Raises:
        OSError: the file cannot be made or locked.
        TimeoutError: the turn did not come in time.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, path, seconds, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
        yield
    finally:
        # A child forked meanwhile shares this open file, and with it the lock: closing here
        # alone would leave the lock held for as long as the child lives (flock(2)).
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _take(handle: int, path: Path, seconds: float, kind: int) -> None:
    """Try again and again: flock(2) itself knows no deadline."""
    ends = time.monotonic() + seconds
    pause = _SHORTEST_PAUSE
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                message = f"{path}: another process has kept the lock for more than {seconds} s"
                raise TimeoutError(message) from None
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
