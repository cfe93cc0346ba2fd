"""Owns the writing thread: it commits whatever has queued up since its last commit as one group.

Nobody waits longer than APPEND_SECONDS: an event that was not written by then is taken out of the
queue; a grant whose commit was already under way and held after all is withdrawn at once, since its
visitor was told that nothing was allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from consentgate.domain.events import Event, Kind, State
from consentgate.errors import LedgerUnavailable
from consentgate.ledger.backlog import Backlog
from consentgate.ledger.forks import in_use, watch

logger = logging.getLogger("consentgate")

MAX_QUEUE = 1_000
MAX_GROUP = 256
APPEND_SECONDS = 1.5
"""How long an event waits for its commit; a place in the spool takes the rest of two seconds."""
RETRY_SECONDS = 2.0
"""How often what waits in the backlog is tried again while no choice comes."""
_GATHERING_SECONDS = 0.000_4
"""How long a group waits for those that were answered together a moment ago."""
_PAUSE_SECONDS = 0.000_05


class Store(Protocol):
    """Where a writer commits: a file or a server, used by one thread at a time."""

    name: str

    def commit(self, events: Sequence[Event]) -> None:
        """Store events in one transaction; returns only when they are durable.

        Raises:
            Exception: they may be stored or not.
        """
        ...

    def kept(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids are stored."""
        ...

    def save(self, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store notices and meanings in one transaction, those that are not there yet."""
        ...

    def interrupt(self) -> None:
        """End a commit that takes too long, from another thread, where that is possible."""
        ...

    def let_go(self) -> None:
        """Close what is open; the next use opens it again."""
        ...


class _Fate(enum.Enum):
    WAITING = enum.auto()
    WRITING = enum.auto()
    GIVEN_UP = enum.auto()
    OVER = enum.auto()


class _Item:
    """An event on its way, with who waits for it."""

    __slots__ = ("event", "fate", "future", "loop")

    def __init__(self, event: Event, loop: asyncio.AbstractEventLoop) -> None:
        self.event = event
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()
        self.fate = _Fate.WAITING

    def become(self, fate: _Fate) -> _Fate:
        """Take another fate, within the writer's lock; the one before. What is over stays over."""
        before = self.fate
        if before is not _Fate.OVER:
            self.fate = fate
        return before


class Writer:
    """One thread of one process; a child after a fork makes its own."""

    def __init__(self, store: Store, backlog: Backlog) -> None:
        """Start the thread."""
        self.pid = os.getpid()
        self._store = store
        self._backlog = backlog
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._fates = threading.Lock()
        self._busy = threading.Lock()
        self._in_doubt: list[Event] = []
        self._last_size = 1
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._is_open = True
        watch(store)
        self._thread = threading.Thread(target=self._run, name="consentgate-ledger", daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        """Whether it can write for this process."""
        return self._is_open and self.pid == os.getpid() and self._thread.is_alive()

    async def append(self, event: Event) -> None:
        """Hand an event over and wait until its group is committed.

        The visitor may go away meanwhile: a refusal is committed all the same, a grant is not,
        or withdrawn.

        Raises:
            LedgerUnavailable: it could not be written in time; a grant then does not stand.
        """
        if self._queue.qsize() >= MAX_QUEUE:
            raise LedgerUnavailable(f"{self._store.name}: {MAX_QUEUE} choices are waiting")
        loop = asyncio.get_running_loop()
        item = _Item(event, loop)
        timer = loop.call_later(APPEND_SECONDS, self._give_up, item)
        self._queue.put(item)
        try:
            await item.future
        except asyncio.CancelledError:
            if event.state in _GRANTS:  # nobody is answered: the browser does not have it
                self._give_up(item)
            raise
        finally:
            timer.cancel()

    def save(self, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store notices and meanings from the caller's thread.

        Raises:
            LedgerUnavailable: they could not be stored in time.
        """
        if not self._busy.acquire(timeout=APPEND_SECONDS):
            raise LedgerUnavailable(f"{self._store.name}: another write takes too long")
        try:
            failure = self._attempt(lambda: self._store.save(notices, meanings))
        finally:
            self._busy.release()
        if failure is not None:
            raise failure

    def defer(self, event: Event) -> None:
        """Keep an event in the backlog; it is tried in RETRY_SECONDS, or with the next group.

        Raises:
            LedgerUnavailable: not even there.
        """
        if not self._has_more:
            self._retry_at = time.monotonic() + RETRY_SECONDS
        self._backlog.add(event)
        self._queue.put(None)

    def stop(self) -> None:
        """Write what is queued and what waits, as far as that is possible, and end the thread."""
        self._is_open = False
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _give_up(self, item: _Item) -> None:
        """End the wait of a visitor; runs on the event loop."""
        with self._fates:
            fate = item.become(_Fate.GIVEN_UP)
        if fate is _Fate.WRITING:
            self._store.interrupt()
        if fate is not _Fate.OVER and not item.future.done():
            message = f"{self._store.name}: nothing was written for {APPEND_SECONDS} s"
            item.future.set_exception(LedgerUnavailable(message))

    def _run(self) -> None:
        while self._is_open or not self._queue.empty():
            group = self._next_group()
            if group or not self._is_open or self._is_retry_due():
                self._write(group)
        self._end()

    def _is_retry_due(self) -> bool:
        """Whether something has waited for a while and no choice took it along."""
        return self._has_more and time.monotonic() >= self._retry_at

    @property
    def _has_more(self) -> bool:
        return self._backlog.is_waiting or bool(self._in_doubt)

    def _next_group(self) -> list[_Item]:
        """Wait for an event; take along whatever else waits, and who is about to follow."""
        left = max(0.0, self._retry_at - time.monotonic()) if self._has_more else None
        try:
            first = self._queue.get(timeout=left)
        except queue.Empty:
            return []
        most = min(self._last_size, MAX_GROUP) - (first is not None)
        ends = time.monotonic() + _GATHERING_SECONDS
        while self._queue.qsize() < most and time.monotonic() < ends:
            time.sleep(_PAUSE_SECONDS)
        group = [] if first is None else [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < MAX_GROUP:
                item = self._queue.get_nowait()
                if item is not None:
                    group.append(item)
        self._last_size = len(group)
        with self._fates:
            return [item for item in group if item.become(_Fate.WRITING) is _Fate.WAITING]

    def _write(self, group: list[_Item]) -> None:
        with self._busy:
            failure = self._attempt(lambda: self._commit([item.event for item in group]))
        self._retry_at = time.monotonic() + RETRY_SECONDS
        with self._fates:
            late = [item.event for item in group if item.become(_Fate.OVER) is _Fate.GIVEN_UP]
        doubtful = late if failure is None else [item.event for item in group]
        self._in_doubt += [event for event in doubtful if event.state in _GRANTS]
        del self._in_doubt[:-MAX_QUEUE]
        _answer(group, failure)
        if failure is not None:
            self._backlog.settle()
        elif self._in_doubt:
            self._write([])

    def _attempt(self, act: Callable[[], None]) -> LedgerUnavailable | None:
        with in_use():
            try:
                act()
            except Exception as error:  # whatever it is, those who wait must hear of it
                self._store.let_go()
                if isinstance(error, LedgerUnavailable):
                    return error
                return LedgerUnavailable(f"{self._store.name}: cannot write: {error}")
        return None

    def _commit(self, events: list[Event]) -> None:
        with self._backlog.drained() as waited:
            events = [*waited, *events]
            if events or not self._in_doubt:
                self._store.commit(events)
            if self._in_doubt:
                kept = self._store.kept([event.id for event in self._in_doubt])
                self._store.commit([undone(one) for one in self._in_doubt if one.id in kept])
                self._in_doubt = []

    def _end(self) -> None:
        left = self._backlog.settle()
        if left:
            logger.error(
                "consentgate: %s refusals are recorded nowhere: nothing can be written", left
            )
        with self._busy, in_use():
            self._store.let_go()


class DurableLedger:
    """What ledgers on a disk or a server share: how events get in."""

    def __init__(self, parts: Callable[[], tuple[Store, Backlog]]) -> None:
        """Remember how to make the parts; they are made with the first write of each process."""
        self._parts = parts
        self._lock = threading.Lock()
        self._lock_pid = os.getpid()
        self._writer: Writer | None = None

    async def append(self, event: Event) -> None:
        """Hand the event to the writer and wait until its group is committed."""
        await self._living_writer().append(event)

    def defer(self, event: Event) -> None:
        """Keep the event in the backlog; the writer takes it along with its next group."""
        self._living_writer().defer(event)

    def save(self, *, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store notices and meanings in one transaction, those that are not there yet."""
        self._living_writer().save(notices, meanings)

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        writer, self._writer = self._writer, None
        if writer is not None and writer.pid == os.getpid():
            writer.stop()

    def _living_writer(self) -> Writer:
        writer = self._writer
        if writer is not None and writer.is_usable:
            return writer
        if self._lock_pid != os.getpid():  # a child: its parent's lock may have been taken
            self._lock_pid, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            writer = self._writer
            if writer is None or not writer.is_usable:
                writer = self._writer = Writer(*self._parts())
        return writer


_GRANTS = (State.GIVEN, State.RENEWED)


def undone(grant: Event) -> Event:
    """The withdrawal of a grant whose visitor was told that it was not saved."""
    return replace(
        grant,
        id=uuid.uuid5(uuid.UUID(grant.id), "undone").hex,
        kind=Kind.WITHDRAW,
        state=State.WITHDRAWN,
        purposes=dict.fromkeys(grant.purposes, False),
        services={},
        method="undone",
    )


def _answer(group: list[_Item], failure: LedgerUnavailable | None) -> None:
    """Tell those who wait, all those of a loop at once."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for item in group:
        loops.setdefault(item.loop, []).append(item.future)
    for loop, futures in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            loop.call_soon_threadsafe(_resolve, futures, failure)


def _resolve(futures: list[asyncio.Future[None]], failure: LedgerUnavailable | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
