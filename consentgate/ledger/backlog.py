"""Owns what waits for the ledger: refusals and withdrawals that could not be appended yet.

They wait in a spool beside the ledger; where that cannot be written, in one on another file
system; where that fails too, in memory, a bounded number of them. What was kept in one of these
places goes into the ledger, once, as soon as it can be written again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from consentgate.domain.events import Event, event_of
from consentgate.errors import LedgerUnavailable
from consentgate.ledger.spool import Spool, read_spool

logger = logging.getLogger("consentgate")

MOST_IN_MEMORY = 10_000
"""About eight megabytes of refusals."""
ELSEWHERE = ("/var/tmp", tempfile.gettempdir(), "/dev/shm")
"""Folders that may lie on another file system than the ledger; the first that does is taken."""


class Backlog:
    """Keeps refusals of one ledger until it takes them."""

    def __init__(self, folder: Path, name: str, *, spool: str = "") -> None:
        """Remember the places; nothing is made before something has to wait.

        Args:
            folder: where the ledger lies.
            name: of the ledger; begins the names of spool files.
            spool: a folder of the operator's choice, which comes first; empty: the ledger's
                folder comes first, and one on another file system behind it.
        """
        self._folder = folder
        self._name = name
        self._asked = spool
        self._memory: deque[Event] = deque()
        self._lock = threading.Lock()
        self._was_said = False
        self.is_waiting = False
        """Whether this process has put something here that is not in the ledger yet."""

    def add(self, event: Event) -> None:
        """Keep an event as durably as can be had now.

        Raises:
            LedgerUnavailable: nothing could be written, and the memory for them is full.
        """
        self.is_waiting = True
        if self._spooled(event):
            return
        with self._lock:
            if len(self._memory) >= MOST_IN_MEMORY:
                raise LedgerUnavailable(
                    f"{self._name}: {MOST_IN_MEMORY} refusals wait in memory, and no spool can be "
                    "written"
                )
            self._memory.append(event)

    @contextlib.contextmanager
    def drained(self) -> Iterator[list[Event]]:
        """Give out what waits, for storing; it is forgotten where the block ends well."""
        self.is_waiting = False
        try:
            with contextlib.ExitStack() as held:
                files = list(self._files(held))
                memory = list(self._memory)
                yield [event for file in files for event in file.events] + memory
                for file in files:
                    self._clear(file)
        except BaseException:
            self.is_waiting = True
            raise
        with self._lock:
            for _ in memory:
                self._memory.popleft()

    def settle(self) -> int:
        """Write what waits in memory into a spool that can be written by now.

        Returns:
            How many are left in memory.
        """
        with self._lock:
            while self._memory and self._spooled(self._memory[0]):
                self._memory.popleft()
            return len(self._memory)

    @cached_property
    def _spools(self) -> tuple[Spool, ...]:
        beside = Spool(self._folder, name=self._name)
        tag = hashlib.sha256(os.fsencode(self._folder.absolute() / self._name)).hexdigest()[:12]
        if self._asked:
            return (Spool(Path(self._asked), name=f"{self._name}-{tag}"), beside)
        root = _other_file_system(self._folder)
        if root is None:
            return (beside,)
        own = root / f"consentgate-{os.geteuid()}-{tag}"
        return (beside, Spool(own, name=self._name, is_public=True))

    def _spooled(self, event: Event) -> bool:
        body = event.canonical()
        for spool in self._spools:
            try:
                spool.add(body)
            except LedgerUnavailable as error:
                self._say(error)
            else:
                return True
        return False

    def _say(self, error: LedgerUnavailable) -> None:
        if not self._was_said:
            self._was_said = True
            logger.error("consentgate: %s; the next place is tried", error)

    def _files(self, held: contextlib.ExitStack) -> Iterator[_File]:
        """Every file that can be locked and read now; the others are drained another time."""
        for spool in self._spools:
            if not spool.files():
                continue
            try:
                held.enter_context(spool.held())
                yield from [_read(spool, path) for path in spool.files()]
            except OSError:
                self.is_waiting = True

    @staticmethod
    def _clear(file: _File) -> None:
        """Its events are in the ledger whatever happens here; they come again, and count once."""
        with contextlib.suppress(OSError):
            file.spool.drop(file.path, file.unread)


class _File(NamedTuple):
    """A spool file as it was read."""

    spool: Spool
    path: Path
    events: list[Event]
    unread: list[bytes]
    """Records that are no events."""


def _read(spool: Spool, path: Path) -> _File:
    events, unread = [], []
    for body in read_spool(path):
        try:
            events.append(event_of(body))
        except ValueError:
            unread.append(body)
    return _File(spool, path, events, unread)


def _other_file_system(folder: Path) -> Path | None:
    """A folder for temporary files that does not fill up with the ledger's."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    for root in ELSEWHERE:
        try:
            if os.stat(root).st_dev != os.stat(folder).st_dev and os.access(root, os.W_OK):
                return Path(root)
        except OSError:
            continue
    return None
