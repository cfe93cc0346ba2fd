"""Owns sums that are kept beside the site log: counted in memory, added to a file line by line.

Each process adds its own lines and readers add them up, so any number of workers may write one
file. Compaction takes the file away whole; who writes at that moment begins a new one.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from consentgate.domain.days import DAY_SECONDS
from consentgate.log.writing import after_fork as forks
from consentgate.log.writing.layout import FILE_MODE, FOLDER_MODE

logger = logging.getLogger("consentgate")


MOST_WAITING = 16_384
"""Distinct sums in memory; where more would wait, as on a full disk, the last label of those that
are new becomes OTHER: whoever sends made-up names does not fill the memory."""
OTHER = "(other)"

Key = tuple[int, *tuple[str, ...]]
"""Day number since the epoch, and the labels."""


class DeltaFile:
    """Sums by day and labels; ``flush`` adds what was counted since to the file."""

    def __init__(self, path: Path | None, labels: Sequence[str], number: str) -> None:
        """Remember the file; without one, sums end with the process.

        Args:
            path: of the file; its folder is made when there is something to write.
            labels: names of the labels in each line.
            number: name of the sum in each line.
        """
        self.path = path
        self.waiting: Counter[Key] = Counter()
        """What the file does not hold yet."""
        self._labels = tuple(labels)
        self._number = number
        self._is_failing = False
        self._lock = threading.Lock()
        forks.watch(self)

    def add(self, day: int, *labels: str, n: int = 1) -> None:
        """Count, in memory alone."""
        with self._lock:
            self._add(day, labels, n)

    def _add(self, day: int, labels: Sequence[str], n: int) -> None:
        if len(self.waiting) >= MOST_WAITING and (day, *labels) not in self.waiting:
            labels = (*labels[:-1], OTHER)
        self.waiting[(day, *labels)] += n

    def flush(self) -> None:
        """Write what was counted since; what cannot be written waits for the next time."""
        if self.path is None or not self.waiting:
            return
        with self._lock:
            waiting, self.waiting = self.waiting, Counter()
        try:
            append(self.path, b"".join(self._lines(waiting)))
            self._is_failing = False
        except OSError as error:
            with self._lock:
                since, self.waiting = self.waiting, waiting
                for (day, *labels), n in since.items():
                    self._add(day, labels, n)
            if not self._is_failing:
                logger.error("consentgate: %s is not written: %s", self.path, error.strerror)
            self._is_failing = True

    def _lines(self, sums: Counter[Key]) -> Iterator[bytes]:
        for (day, *labels), count in sorted(sums.items()):
            row = {"day": date_of(day), **dict(zip(self._labels, labels, strict=True))}
            yield json.dumps({**row, self._number: count}).encode() + b"\n"

    def forget_parent(self) -> None:
        """A forked child counts for itself: what waited is its parent's to write."""
        self.waiting, self._lock = Counter(), threading.Lock()


def append(path: Path, lines: bytes) -> None:
    """Add whole lines to a file that other processes write too, or that one takes away.

    Raises:
        OSError: they cannot be written; the file is as it was.
    """
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    handle = _open_alone(path)
    size = os.fstat(handle).st_size
    try:
        written = os.write(handle, lines)
        while written < len(lines):
            written += os.write(handle, lines[written:])
    except OSError:
        os.ftruncate(handle, size)
        raise
    finally:
        os.close(handle)


def _open_alone(path: Path) -> int:
    """Open a file and hold its lock; one that was taken away meanwhile is opened anew."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    while True:
        handle = os.open(path, flags, FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            raise
        os.close(handle)


def take_away(path: Path, target: Path) -> bool:
    """Move a file of sums to ``target`` and wait until nobody writes it; False: there is none."""
    try:
        path.rename(target)
    except FileNotFoundError:
        return False
    handle = os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)
    return True


def date_of(day: int) -> str:
    """``2026-11-24``: a day number since the epoch as a date, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_SECONDS))
