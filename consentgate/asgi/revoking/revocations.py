"""Owns which grants have ended: read from the ledger, kept in memory, followed by a thread.

Never knows cookies or requests. A request reads no store: the ledger is read at the start and by
the thread, every POLL_SECONDS.
"""

from __future__ import annotations

import json
import logging
import time
import weakref
from collections.abc import Callable, Iterable, Sequence

from consentgate.asgi.beside import Beside
from consentgate.asgi.faults import Faults
from consentgate.asgi.revoking.marks import (
    MARK_BYTES,
    SUBJECT_MARK_BYTES,
    Marks,
    mark_of,
    mark_of_subject,
)
from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.errors import LedgerUnavailable
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.ledger import Ledger, Row
from consentgate.ledger.following import rows_behind, still_has

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
        references_of: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """Start empty; ``tell`` reads the ledger.

        Args:
            ledger: tells what has ended.
            faults: is told when the ledger cannot be read.
            lifetime_days: how long a grant lasts at most; what ended before that is forgotten.
            most: how many marks are kept.
            clock: seconds since the epoch.
            references_of: gives the references of a grant's id; None: grants end by their ids
                alone.
        """
        self._references_of = references_of
        self._erased: set[bytes] = set()
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
        self._beside = Beside("consentgate-revocations", self, Revocations._turn)

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
        if self._beside.thread is None:
            self._beside.start()
        if choice.made_at < self.since:
            return True
        marks = self._marks
        if marks.count > 0 and mark_of(choice.id) in marks:
            return True
        return bool(self._erased) and self._is_erased(choice.id)

    def _is_erased(self, choice_id: str) -> bool:
        """Whether a grant ended by its reference; asked only where any did."""
        references = self._references_of(choice_id) if self._references_of is not None else ()
        return any(mark_of_subject(one) in self._erased for one in references)

    def end(self, ids: Iterable[str]) -> None:
        """Take the grants of these ids as ended, on this worker, at once."""
        self._marks.add(map(mark_of, ids))

    def end_erased(self, subjects: Iterable[str]) -> None:
        """Take the grants of these references as ended, on this worker, at once."""
        self._erased.update(map(mark_of_subject, subjects))
        reader = self._reader() if self._reader is not None else None
        if reader is not None:
            reader.end_remembered()

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
        erased: set[bytes] = set()
        for row in rows_behind(self._ledger, 0, at_once=_ROWS_AT_ONCE):
            of_ids, of_references = _marks_in(row, since)
            marks.add(of_ids)
            erased.update(of_references)
            last = (row[0], row[1])
            if marks.count > self._most:
                return False
        self._marks, self._erased, self._last = marks, erased, last
        return True

    def _turn(self) -> float:
        self.poll()
        return POLL_SECONDS

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
        if is_old or (number and not still_has(self._ledger, number, name)):
            self.load()
            return True
        has_news = False
        for row in rows_behind(self._ledger, number, at_once=_ROWS_AT_ONCE):
            of_ids, of_references = _marks_in(row, 0)
            self._marks.add(of_ids)
            self._erased.update(of_references)
            self._last = (row[0], row[1])
            has_news = has_news or bool(of_ids or of_references)
        return has_news

    def close(self) -> None:
        """Have the thread end."""
        self._beside.close()


def _marks_in(row: Row, since: int) -> tuple[list[bytes], list[bytes]]:
    """The marks of ids and those of references that an event carries; none if it is older."""
    body = row[3]
    if _ENDS not in body:
        return [], []
    event = json.loads(body)
    if event["at_ms"] < since * 1000:
        return [], []
    marks = [bytes.fromhex(text) for text in event["ends"]]
    of_ids = [mark for mark in marks if len(mark) == MARK_BYTES]
    return of_ids, [mark for mark in marks if len(mark) == SUBJECT_MARK_BYTES]
