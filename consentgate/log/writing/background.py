"""Owns the one thread of a process that does what need not be done on a request's path.

Flushes what waits, closes segments whose hour is over, has agents parsed. It starts with the first
record, ends with the process, and begins anew in a forked child.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from typing import Protocol

from consentgate.log.writing import after_fork as forks

logger = logging.getLogger("consentgate")

EVERY_SECONDS = 1.0


class Ticked(Protocol):
    """Something with work to do now and then."""

    def tick(self, now: int) -> None:
        """Do it; ``now``: seconds since the epoch."""
        ...

    def flush(self) -> None:
        """Write what waits: the process ends."""
        ...


class Ticker:
    """Calls ``tick`` of everything it was given, once a second."""

    def __init__(self) -> None:
        self._ticked: list[weakref.ref[Ticked]] = []
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None
        forks.watch(self)

    def forget_parent(self) -> None:
        """A forked child has no thread yet."""
        self._thread = None

    def watch(self, one: Ticked) -> None:
        """Call its ``tick`` from now on, for as long as it lives."""
        living = [ref for ref in self._ticked if ref() not in (None, one)]
        self._ticked = [*living, weakref.ref(one)]
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="consentgate-log", daemon=True)
            self._thread.start()

    def _living(self) -> list[Ticked]:
        return [one for ref in self._ticked if (one := ref()) is not None]

    def _say(self, kind: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            logger.error("consentgate: background work of the site log failed: %s", kind)

    def _run(self) -> None:
        while True:
            time.sleep(EVERY_SECONDS)
            for one in self._living():
                try:
                    one.tick(int(time.time()))
                except Exception as error:  # never its text, which could quote a visitor
                    self._say(type(error).__name__)

    def flush(self) -> None:
        """Have everything write what waits."""
        for one in self._living():
            one.flush()


TICKER = Ticker()
atexit.register(TICKER.flush)
