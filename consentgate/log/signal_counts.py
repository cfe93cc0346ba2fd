"""Owns the evidence that signals are honoured: counts by day, signal and purpose, of nobody.

Each process adds lines of sums to one file beside the site log; readers add them up. No line
says who, where or at what time of day (SIG-35; GPC editor's draft, Implementation Considerations).
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

logger = logging.getLogger("consentgate")

FILE_NAME = "signals.counts"
FLUSH_SECONDS = 60
DAY_SECONDS = 86_400

RECEIVED = "(received)"
"""Stands for the purpose where the request itself is counted."""
Key = tuple[int, str, str]
"""Day number since the epoch, signal, purpose."""


class SignalCounts:
    """Counts in memory, and adds the sums to a file at most once a minute."""

    def __init__(self, directory: str | Path = "") -> None:
        """Remember the folder; without one, counts end with the process."""
        self.path = Path(directory) / FILE_NAME if directory else None
        self.totals: Counter[tuple[str, str]] = Counter()
        """Signal and purpose to how often, since this process began."""
        self._waiting: Counter[Key] = Counter()
        self._flushed_at = 0
        self._is_failing = False

    def add(self, signal: str, purposes: Iterable[str], now: int) -> None:
        """Count one request whose signal was honoured by denying these purposes."""
        day = now // DAY_SECONDS
        for purpose in purposes:
            self._waiting[day, signal, purpose] += 1
            self.totals[signal, purpose] += 1
        if not 0 <= now - self._flushed_at < FLUSH_SECONDS:
            self._flushed_at = now
            self.flush()

    def flush(self) -> None:
        """Write what was counted since; what cannot be written waits for the next time."""
        if self.path is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, Counter()
        lines = "".join(
            json.dumps({"day": _date(day), "signal": signal, "purpose": purpose, "count": count})
            + "\n"
            for (day, signal, purpose), count in sorted(waiting.items())
        )
        try:
            self._append(self.path, lines.encode())
            self._is_failing = False
        except OSError as error:
            self._waiting = waiting + self._waiting
            if not self._is_failing:
                logger.error("consentgate: %s is not written: %s", self.path, error.strerror)
            self._is_failing = True

    def _append(self, path: Path, lines: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.write(handle, lines)
        finally:
            os.close(handle)


def read_counts(directory: str | Path) -> Mapping[tuple[str, str, str], int]:
    """Add up what every process has written: day, signal and purpose to how often.

    Raises:
        OSError: the file cannot be read.
    """
    sums: Counter[tuple[str, str, str]] = Counter()
    for line in (Path(directory) / FILE_NAME).read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            sums[row["day"], row["signal"], row["purpose"]] += int(row["count"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a full disk has cut
    return dict(sorted(sums.items()))


def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_SECONDS))
