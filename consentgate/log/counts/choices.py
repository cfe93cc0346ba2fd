"""Owns the consent funnel: how often the first layer was shown, and what visitors made of it.

One dimension at a time, as all sums are: how many accepted in Norway, and how many in German, and
never how many in Norway in German. A visitor with GPC or DNT is in it too, so that a rate can be
given: the acts are the site's own, and say nothing else of anyone.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from consentgate.domain.days import DAY_SECONDS
from consentgate.log.counts.counter_file import OTHER, DeltaFile
from consentgate.log.counts.visits import LEAST_VISITS
from consentgate.log.writing import after_fork as forks

FILE_NAME = "consent.counts"
ACTS = ("shown", "asked", "accepted", "refused", "partly", "dismissed", "withdrawn")
"""``shown``: pages with the first layer; ``asked``: visits that begin with it. The rest is what
visitors did."""


class Setting(NamedTuple):
    """Under what an act is counted, each by itself."""

    version: str
    """The policy's label."""
    regime: str
    """``opt-in``, ``opt-out`` or ``notice``."""
    country: str
    lang: str
    """Language of the first layer."""
    position: str
    """Where the first layer stands."""
    signal: str
    """``gpc``, ``dnt`` or ``none``."""


class ChoiceCounts:
    """Counts in memory; lines ``{day, act, dim, val, n}`` are written when they are many enough."""

    def __init__(self, directory: str | Path) -> None:
        """Remember the folder; empty: counts end with the process."""
        path = Path(directory) / FILE_NAME if directory else None
        self._sums = DeltaFile(path, ("act", "dim", "val"), "n")
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[tuple[int, str, Setting]] = Counter()

    def forget_parent(self) -> None:
        """A forked child counts for itself."""
        self._begin()

    def add(self, act: str, setting: Setting, now: int) -> None:
        """Count one act, in memory alone.

        Args:
            act: one of ACTS.
            setting: under what it is counted.
            now: seconds since the epoch, for the day.
        """
        if act not in ACTS:
            raise ValueError(f"act = {act!r}: expected one of {', '.join(ACTS)}")
        with self._lock:
            self._waiting[now // DAY_SECONDS, act, setting] += 1

    def tick(self, now: int) -> None:
        """Write the acts of a day when they are many enough, or the day is over."""
        self._write(now // DAY_SECONDS)

    def flush(self) -> None:
        """Write everything: the process ends."""
        self._write(-1)

    def _write(self, today: int) -> None:
        with self._lock:
            sums: Counter[int] = Counter()
            for (day, _, _), n in self._waiting.items():
                sums[day] += n
            ready = {day for day, n in sums.items() if n >= LEAST_VISITS or day != today}
            taken = {key: n for key, n in self._waiting.items() if key[0] in ready}
            for key in taken:
                del self._waiting[key]
        for (day, act, setting), n in taken.items():
            self._sums.add(day, act, "all", "", n=n)
            for dim, val in setting._asdict().items():
                self._sums.add(day, act, dim, val if sums[day] >= LEAST_VISITS else OTHER, n=n)
        self._sums.flush()
