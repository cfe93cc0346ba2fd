"""Owns which grants have ended: read from the ledger, kept in memory, followed by a thread.

Never knows cookies or requests. A request reads no store: the ledger is read at the start and by
the thread, every POLL_SECONDS.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator

from consentgate.asgi.faults import Faults
from consentgate.asgi.revoking.marks import MARK_BYTES, Marks, mark_of
from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.errors import LedgerUnavailable
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.ledger import Ledger, Row
from consentgate.log.writing.after_fork import watch

logger = logging.getLogger("consentgate")

POLL_SECONDS = 1.0
MOST_MARKS = 4_000_000
"""About 60 MB. Beyond it the time that is looked back on is halved, and what was granted before
it counts as refused."""
_ROWS_AT_ONCE = 2_000
_ENDS = b'"ends":["'


class Revocations:
    """The grants that have ended, on any worker and any machine that shares the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        faults: Faults,
        *,
        lifetime_days: int,
        most: int = MOST_MARKS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start empty; ``tell`` reads the ledger.

        Args:
            ledger: tells what has ended.
            faults: is told when the ledger cannot be read.
            lifetime_days: how long a grant lasts at most; what ended before that is forgotten.
            most: how many marks are kept.
            clock: seconds since the epoch.
        """
        self._ledger = ledger
        self._faults = faults
        self._lifetime = lifetime_days * DAY_SECONDS
        self._most = most
        self._clock = clock
        self._reader: weakref.ref[TokenReader] | None = None
        self._marks = Marks()
        self.since = 0
        """Grants made before this second count as ended; 0 where every mark could be kept."""
        self._last = (0, "")
        self._loaded_at = 0.0
        self._has_news = False
        self.forget_parent()
        watch(self)

    def forget_parent(self) -> None:
        """Begin anew in a child that was just forked: its parent's thread is not its own."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_over = threading.Event()

    @property
    def count(self) -> int:
        """How many ended grants are known."""
        return self._marks.count

    def tell(self, reader: TokenReader) -> None:
        """Read the ledger, and have the reader's remembered tokens follow what ends from now on.

        Where the ledger cannot be read now, the thread goes on trying.
        """
        self._reader = weakref.ref(reader)
        try:
            self.load()
        except LedgerUnavailable as error:
            logger.warning("consentgate: grants that have ended are not readable: %s", error)

    def has(self, choice: Choice) -> bool:
        """Whether the grant that a choice carries has ended."""
        if self._thread is None:
            self.follow()
        if choice.made_at < self.since:
            return True
        marks = self._marks
        return marks.count > 0 and mark_of(choice.id) in marks

    def end(self, ids: Iterable[str]) -> None:
        """Take the grants of these ids as ended, on this worker, at once."""
        self._marks.add(map(mark_of, ids))

    def load(self) -> None:
        """Read the whole ledger, as far back as a grant can last.

        Raises:
            LedgerUnavailable: it cannot be read now.
        """
        now, span = self._clock(), self._lifetime
        while not self._load(int(now - span)):
            span //= 2
        self.since = 0 if span == self._lifetime else int(now - span)
        self._loaded_at = now

    def _load(self, since: int) -> bool:
        """Read what ended since then; False where it is more than is kept."""
        marks, last = Marks(), (0, "")
        for row in self._rows(0):
            marks.add(_marks_in(row, since))
            last = (row[0], row[1])
            if marks.count > self._most:
                return False
        self._marks, self._last = marks, last
        return True

    def _rows(self, after: int) -> Iterator[Row]:
        while rows := self._ledger.rows(after, _ROWS_AT_ONCE):
            yield from rows
            after = rows[-1][0]

    def follow(self) -> None:
        """Start the thread that follows the ledger, unless it runs."""
        with self._starting:
            if self._thread is None and not self._is_over.is_set():
                self._thread = threading.Thread(
                    target=_poll,
                    args=(weakref.ref(self), self._is_over),
                    name="consentgate-revocations",
                    daemon=True,
                )
                self._thread.start()

    def poll(self) -> None:
        """Take in what has ended since the last time. Never raises: what is known stands."""
        try:
            has_news = self._read_on()
        except Exception:
            self._faults.failed("revocations", "grants that ended elsewhere still count here")
            return
        # Once more the next time: a request may have been reading such a token while it ended.
        is_due, self._has_news = has_news or self._has_news, has_news
        reader = self._reader() if self._reader is not None else None
        if is_due and reader is not None:
            reader.end_remembered()

    def _read_on(self) -> bool:
        """Whether anything ended since; all is read anew once a day, or where it was replaced."""
        number, name = self._last
        is_old = self._clock() > self._loaded_at + DAY_SECONDS or self.count > self._most
        if is_old or (number and not self._still_has(number, name)):
            self.load()
            return True
        has_news = False
        for row in self._rows(number):
            marks = _marks_in(row, 0)
            self._marks.add(marks)
            self._last = (row[0], row[1])
            has_news = has_news or bool(marks)
        return has_news

    def _still_has(self, number: int, name: str) -> bool:
        rows = self._ledger.rows(number - 1, 1)
        return bool(rows) and (rows[0][0], rows[0][1]) == (number, name)

    def close(self) -> None:
        """Have the thread end."""
        self._is_over.set()


def _poll(revocations: weakref.ref[Revocations], is_over: threading.Event) -> None:
    """Follow the ledger for as long as anybody holds the revocations."""
    while (one := revocations()) is not None and not is_over.is_set():
        one.poll()
        del one
        is_over.wait(POLL_SECONDS)


def _marks_in(row: Row, since: int) -> list[bytes]:
    """The marks that an event carries, if it is not older than ``since``."""
    body = row[3]
    if _ENDS not in body:
        return []
    event = json.loads(body)
    if event["at_ms"] < since * 1000:
        return []
    marks = (bytes.fromhex(text) for text in event["ends"])
    return [mark for mark in marks if len(mark) == MARK_BYTES]
