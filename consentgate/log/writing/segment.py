"""Owns the site log's live segment: one JSON line a visit, one write a line, one file a process.

A segment is held by a lock for as long as its process lives, so that compaction knows whose
writer is gone; it moves to ``closed`` on the hour, at 64 MB and when the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from consentgate.domain.record import SCHEMA, Tier
from consentgate.log.writing import after_fork as forks
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.layout import FILE_MODE, Layout, segment_name

logger = logging.getLogger("consentgate")

MOST_BYTES = 64 << 20
MOST_WAITING = 256
MOST_WAITING_SECONDS = 5
_RETRY_SECONDS = 1.0
_HOUR_SECONDS = 3_600


def text_encoder() -> Callable[[object], bytes]:
    """Give the fastest way that is installed to write a value as compact JSON.

    What it gives is joined with other bytes before it is kept: orjson's bytes hold 8 KB of memory,
    however short they are.
    """
    try:
        import orjson
    except ImportError:
        encode = json.JSONEncoder(separators=(",", ":")).encode
        return lambda value: encode(value).encode("utf-8")
    return orjson.dumps


def encoder() -> Callable[[object], bytes]:
    """Give the fastest way that is installed to make a line of a record, line break included."""
    encode = text_encoder()
    return lambda record: encode(record) + b"\n"


class SegmentFile:
    """Appends records to a segment of this process's own, opened with the first of them.

    ``line`` writes each record at once: nothing that was noted is lost when the process is killed.
    ``batch`` keeps operational records (T0) in memory, 256 of them or 5 seconds, and writes them
    sorted: their order then tells nobody's way through the site, and a kill loses them. Records
    that name a visitor or a machine are written at once either way.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        durability: str = "line",
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Remember the folder; nothing is opened yet.

        Args:
            directory: of the site log.
            durability: ``line`` or ``batch``.
            most_bytes: a segment of that size is closed.
            clock: seconds since the epoch, for the hour.
        """
        self.layout = Layout.of(directory)
        self.path: Path | None = None
        """The segment that is open."""
        self.lost = 0
        """How many records could not be written."""
        self._encode = encoder()
        self._is_batched = durability == "batch"
        self._most_bytes = most_bytes
        self._clock = clock
        self._handle = -1
        self._is_failing = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._acquire, self._release = self._lock.acquire, self._lock.release
        self._waiting: list[bytes] = []
        self._waiting_since = 0.0
        self._retry_at = 0.0
        self._is_torn = False
        self._size = self._hour = 0

    def forget_parent(self) -> None:
        """A forked child opens its own segment, and writes nothing that its parent noted."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self.path = -1, None
        self._begin()

    def write(self, record: Mapping[str, object]) -> None:
        """Append one record. Never raises: what cannot be written is counted, and said once."""
        try:
            line = self._encode(record)
        except (TypeError, ValueError) as error:
            self._lose(1, type(error).__name__)
            return
        if record.get("tier") == Tier.OPERATIONAL:
            self.append(line)
        else:
            self.put(line)

    def append(self, line: bytes) -> None:
        """The same for the ready line of an operational record, which a batch holds back."""
        self._acquire()
        try:
            if self._handle < 0 or self._is_batched or self._is_failing:
                self._append_otherwise(line)
                return
            written = os.write(self._handle, line)
            self._size += written
            if written != len(line) or self._size >= self._most_bytes:
                self._end(written, line, 1)
        except OSError as error:
            self._lose(1, error.strerror)
        finally:
            self._release()

    def _append_otherwise(self, line: bytes) -> None:
        """Append where it takes more than one write to an open segment."""
        if self._handle < 0 and not self._open():
            self.lost += 1
        elif self._is_batched:
            self._keep(line)
        else:
            self._put(line, 1)

    def put(self, line: bytes) -> None:
        """The same for a ready line of any other record."""
        if not self._is_batched:
            self.append(line)
            return
        with self._lock:
            if self._handle < 0 and not self._open():
                self.lost += 1
            else:
                self._put(line, 1)

    def _keep(self, line: bytes) -> None:
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting.append(line)
        if len(self._waiting) >= MOST_WAITING:
            self._put_waiting()

    def _put_waiting(self) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            self._put(b"".join(sorted(lines)), len(lines))

    def _put(self, lines: bytes, count: int) -> None:
        """Write whole lines at once; after a cut one, the next begins on a line of its own."""
        if self._is_torn:
            lines = b"\n" + lines
        try:
            written = os.write(self._handle, lines)
        except OSError as error:
            self._lose(count, error.strerror)
            return
        self._size += written
        self._end(written, lines, count)

    def _end(self, written: int, lines: bytes, count: int) -> None:
        """See to what follows from a write: lines that were cut, a segment that is full."""
        self._is_torn = written != len(lines)
        if self._is_torn:
            self._lose(count - lines[:written].strip(b"\n").count(b"\n"), "the disk is full")
            return
        if self._is_failing:
            self._recover()
        if self._size >= self._most_bytes:
            self._rotate()

    def _lose(self, count: int, why: str | None) -> None:
        self.lost += count
        if not self._is_failing:
            self._is_failing = True
            logger.error(
                "consentgate: the site log in %s is not written: %s", self.layout.root, why
            )

    def _recover(self) -> None:
        self._is_failing = False
        logger.warning(
            "consentgate: the site log in %s is written again; %d records were lost so far",
            self.layout.root,
            self.lost,
        )

    def _open(self) -> bool:
        """Begin a segment; it gets its name when it is locked and says its schema."""
        if time.monotonic() < self._retry_at:
            return False
        name = segment_name()
        path = self.layout.live / name
        hidden = path.with_name(f".{name}")
        handle = -1
        try:
            self.layout.prepare()
            handle = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, FILE_MODE)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            header = self._encode({"schema": SCHEMA})
            if os.write(handle, header) != len(header):
                raise OSError(0, "the disk is full")
            hidden.rename(path)
        except OSError as error:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._lose(0, error.strerror)
            if handle >= 0:
                os.close(handle)
                with contextlib.suppress(OSError):
                    hidden.unlink()
            return False
        self._handle, self.path = handle, path
        self._size, self._is_torn = len(header), False
        self._hour = int(self._clock()) // _HOUR_SECONDS
        TICKER.watch(self)
        return True

    def _rotate(self) -> None:
        """Close the segment and leave it to compaction; the next record begins another."""
        self._put_waiting()
        handle, path = self._handle, self.path
        if handle < 0 or path is None:
            return
        try:
            path.rename(self.layout.closed / path.name)
        except FileNotFoundError:
            pass  # somebody removed it; there is nothing to hand over
        except OSError as error:
            self._size = 0  # tried again after as much
            self._lose(0, error.strerror)
            return
        os.close(handle)
        self._handle, self.path = -1, None

    def tick(self, now: int) -> None:
        """Write what waits too long, close a segment whose hour is over or that was removed."""
        with self._lock:
            if self._waiting and time.monotonic() - self._waiting_since >= MOST_WAITING_SECONDS:
                self._put_waiting()
            if self._handle < 0:
                return
            if now // _HOUR_SECONDS != self._hour:
                self._rotate()
            elif not self._is_in_place():
                self._let_go()

    def _is_in_place(self) -> bool:
        """Whether the segment still lies where it was begun."""
        try:
            found = os.stat(self.path) if self.path is not None else None
        except OSError:
            return False
        return found is not None and os.path.samestat(found, os.fstat(self._handle))

    def _let_go(self) -> None:
        """Begin anew where the folder was moved or removed; say how much went with it."""
        self._put_waiting()
        handle, path = self._handle, self.path
        is_gone = not os.fstat(handle).st_nlink
        gone = _lines_of(handle) if is_gone else 0
        self.lost += gone
        logger.warning(
            "consentgate: the segment %s was %s; the site log begins anew in %s%s",
            path,
            "removed" if is_gone else "moved",
            self.layout.root,
            f", and {gone} records are gone" if gone else "",
        )
        os.close(handle)
        self._handle, self.path = -1, None

    def flush(self) -> None:
        """Write what waits and close the segment; a later record begins another."""
        with self._lock:
            if self._handle >= 0:
                self._rotate()

    def close(self) -> None:
        """Write what waits and close the segment."""
        self.flush()


def _lines_of(handle: int) -> int:
    """How many records a file holds that has no name any more; 0 where the system does not say."""
    try:
        with open(f"/proc/self/fd/{handle}", "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except OSError:
        return 0


class NoFile:
    """Writes nothing: the policy names no folder."""

    lost = 0

    def write(self, record: Mapping[str, object]) -> None:
        """Forget the record."""

    def append(self, line: bytes) -> None:
        """Forget the line."""

    def put(self, line: bytes) -> None:
        """Forget the line."""

    def close(self) -> None:
        """Nothing to let go of."""
