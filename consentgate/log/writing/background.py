"""Owns the one thread of a process that does what is too slow for a request's path.

It writes what waits, closes segments whose hour is over, and does jobs that are handed to it, such
as finding out what a new agent is. It starts with the first record or job, ends with the process,
and begins anew in a forked child. Never knows what a job does.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from consentgate.log.writing import after_fork as forks

logger = logging.getLogger("consentgate")

EVERY_SECONDS = 1.0
MOST_JOBS = 1_024
"""Jobs that wait; one more is refused."""
PAUSE_SECONDS = 0.0005
"""Sleep after each piece of work: one thread runs at a time, and requests come first."""
Job = Callable[[], object]
"""Work without an answer: what it gives is forgotten."""


class Ticked(Protocol):
    """Something with work to do now and then."""

    def tick(self, now: int) -> None:
        """Do the work; ``now``: seconds since the epoch."""
        ...

    def flush(self) -> None:
        """Write what waits: the process ends."""
        ...


class Ticker:
    """Calls ``tick`` of everything it was given, once a second, and does jobs in their order."""

    def __init__(self) -> None:
        self._ticked: list[weakref.ref[Ticked]] = []
        self._said: set[str] = set()
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._jobs: deque[Job] = deque()
        self._wake = threading.Event()
        self._is_hurried = False
        self._starting = threading.Lock()

    def forget_parent(self) -> None:
        """Let a forked child have a thread of its own, and none of its parent's jobs."""
        self._begin()

    def watch(self, one: Ticked) -> None:
        """Call its ``tick`` from now on, for as long as it lives."""
        living = [ref for ref in self._ticked if ref() not in (None, one)]
        self._ticked = [*living, weakref.ref(one)]
        self._start()

    def later(self, job: Job) -> bool:
        """Have the thread do a job; False: too many wait already, and it is not done."""
        if len(self._jobs) >= MOST_JOBS:
            return False
        self._jobs.append(job)
        self._start()
        self._wake.set()
        return True

    def finish(self) -> None:
        """Return when every job that was handed over by now is done."""
        if self._thread is threading.current_thread() or not self._is_running():
            self._do_jobs()
            return
        done = threading.Event()
        self._is_hurried = True
        self._jobs.append(done.set)
        self._wake.set()
        while not done.wait(EVERY_SECONDS):
            if not self._is_running():
                self._do_jobs()
        self._is_hurried = False

    def pause(self) -> None:
        """Let other threads run for a while; called anywhere else, or in a hurry, do nothing."""
        if self._thread is threading.current_thread() and not self._is_hurried:
            time.sleep(PAUSE_SECONDS)

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="consentgate-log", daemon=True)
                self._thread = thread
                thread.start()

    def _living(self) -> list[Ticked]:
        return [one for ref in self._ticked if (one := ref()) is not None]

    def _say(self, kind: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            logger.error("consentgate: background work of the site log failed: %s", kind)

    def _run(self) -> None:
        due = time.monotonic() + EVERY_SECONDS
        while True:
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            self._do_jobs(until=due)
            if time.monotonic() >= due:
                due = time.monotonic() + EVERY_SECONDS
                self._tick()

    def _tick(self) -> None:
        for one in self._living():
            self._try(partial(one.tick, int(time.time())))

    def _do_jobs(self, until: float = float("inf")) -> None:
        """Do what waits, up to a time; what still waits then comes next."""
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:
                return  # somebody else has taken the last one
            self._try(job)
            self.pause()
            if time.monotonic() >= until:
                self._wake.set()
                return

    def _try(self, job: Job) -> None:
        try:
            job()
        except Exception as error:  # never its text, which could quote a visitor
            self._say(type(error).__name__)

    def flush(self) -> None:
        """Do the jobs that wait, and have everything write what waits."""
        self.finish()
        for one in self._living():
            one.flush()


TICKER = Ticker()
atexit.register(TICKER.flush)
