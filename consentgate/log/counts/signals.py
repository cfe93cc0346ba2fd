"""Owns the evidence that signals are honoured: counts by day, signal and purpose, of nobody.

Each process adds lines of sums to one file beside the site log; readers add them up. No line
says who, where or at what time of day (SIG-35; GPC editor's draft, Implementation Considerations).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from consentgate.domain.days import DAY_SECONDS
from consentgate.log.counts.counter_file import DeltaFile

FILE_NAME = "signals.counts"
FLUSH_SECONDS = 60

RECEIVED = "(received)"
"""Stands for the purpose where the request itself is counted."""


class SignalCounts:
    """Counts in memory, and adds the sums to a file at most once a minute."""

    def __init__(self, directory: str | Path = "") -> None:
        """Remember the folder; without one, counts end with the process."""
        path = Path(directory) / FILE_NAME if directory else None
        self.totals: Counter[tuple[str, str]] = Counter()
        """Signal and purpose to how often, since this process began."""
        self._sums = DeltaFile(path, ("signal", "purpose"), "count")
        self._flushed_at = 0

    @property
    def waiting(self) -> int:
        """How many counts the file does not hold yet."""
        return self._sums.waiting.total()

    def add(self, signal: str, purposes: Iterable[str], now: int) -> None:
        """Count one request whose signal was honoured by denying these purposes."""
        day = now // DAY_SECONDS
        for purpose in purposes:
            self._sums.add(day, signal, purpose)
            self.totals[signal, purpose] += 1
        if not 0 <= now - self._flushed_at < FLUSH_SECONDS:
            self._flushed_at = now
            self.flush()

    def flush(self) -> None:
        """Write what was counted since; what cannot be written waits for the next time."""
        self._sums.flush()


def read_counts(directory: str | Path) -> Mapping[tuple[str, str, str], int]:
    """Add up what every process has written: day, signal and purpose to how often.

    Raises:
        OSError: a file cannot be read.
    """
    root = Path(directory)
    compacted = root.glob("counts/day=*/signals-*.jsonl")
    files = [*compacted, *root.glob("closed/signals-*.jsonl"), *root.glob(FILE_NAME)]
    sums: Counter[tuple[str, str, str]] = Counter()
    for line in (line for path in files for line in path.read_text(encoding="utf-8").splitlines()):
        try:
            row = json.loads(line)
            sums[row["day"], row["signal"], row["purpose"]] += int(row["count"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a full disk has cut
    return dict(sorted(sums.items()))
