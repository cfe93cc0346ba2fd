"""Owns erasing what the site log kept of visitors who withdrew that consent; in a thread, after the
answer. Never knows who they are: it is given the names of their rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from consentgate.asgi.faults import Faults
from consentgate.log.keeping.erasure import Names

PAUSE_SECONDS = 2.0
"""How long names are gathered, so that many who leave at once cost one reading of the files."""


class Forgetting:
    """Gathers names and has their rows erased."""

    def __init__(self, erase: Callable[[Names], object], faults: Faults) -> None:
        """Start with nobody to forget.

        Args:
            erase: erases every row that has one of the names.
            faults: is told where that fails; the names are tried again with the next ones.
        """
        self._erase = erase
        self._faults = faults
        self._lock = threading.Lock()
        self._waiting: dict[str, set[str]] = {}
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()

    def add(self, names: Names) -> None:
        """Have the rows under these names erased soon."""
        if not any(names.values()):
            return
        with self._lock:
            for column, values in names.items():
                self._waiting.setdefault(column, set()).update(values)
            if self._thread is None and not self._hurry.is_set():
                self._thread = threading.Thread(target=self._work, name="consentgate-forgetting")
                self._thread.start()

    def _work(self) -> None:
        while True:
            self._hurry.wait(PAUSE_SECONDS)
            with self._lock:
                waiting, self._waiting = self._waiting, {}
                if not waiting:
                    self._thread = None
                    return
            if not self._try(waiting):
                return

    def _try(self, waiting: dict[str, set[str]]) -> bool:
        try:
            self._erase({column: sorted(values) for column, values in waiting.items()})
        except Exception:
            self._faults.failed("forgetting", "rows of visitors who withdrew are not erased yet")
            with self._lock:
                for column, values in waiting.items():
                    self._waiting.setdefault(column, set()).update(values)
                self._thread = None
            return False
        return True

    def close(self) -> None:
        """Erase what waits, and end."""
        self._hurry.set()
        thread = self._thread
        if thread is not None:
            thread.join()
