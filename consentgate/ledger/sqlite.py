"""Owns the ledger in a SQLite file: one writer thread per process, group commit, durable.

WAL with ``synchronous=FULL``: an acknowledged event survives a killed process and a power cut.
A file lock around the write transaction keeps several worker processes fair to each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from consentgate.domain.events import Event, event_of
from consentgate.errors import LedgerUnavailable
from consentgate.ledger import NOTICE_START_BYTES
from consentgate.ledger import Row as StoredRow
from consentgate.ledger.forks import in_use, watch
from consentgate.ledger.locks import held
from consentgate.ledger.spool import Spool, read_spool

MAX_QUEUE = 1_000
MAX_GROUP = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_subject ON event (subject, seq) WHERE subject <> '';
CREATE TABLE IF NOT EXISTS notice (hash TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meaning (hash BLOB PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""
_KEYS = {"event": ("id", "seq"), "notice": ("hash",), "meaning": ("hash",)}
_GUARDS = "".join(
    f"""
CREATE TRIGGER IF NOT EXISTS {table}_is_never_changed BEFORE UPDATE ON {table}
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS {table}_is_never_deleted BEFORE DELETE ON {table}
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS {table}_is_never_replaced BEFORE INSERT ON {table}
  WHEN EXISTS (SELECT 1 FROM {table} WHERE {" OR ".join(f"{key} = NEW.{key}" for key in keys)})
  BEGIN SELECT RAISE(IGNORE); END;
"""
    for table, keys in _KEYS.items()
)
"""REPLACE deletes without asking a delete trigger (SQLite, ON CONFLICT), hence the third guard."""
_FORGET = """
BEGIN IMMEDIATE;
DROP TRIGGER event_is_never_deleted;
DELETE FROM event WHERE seq < {before};
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
"""

Row = tuple[str, int, str, str, bytes]
_INSERT = "INSERT OR IGNORE INTO event (id, at_ms, kind, subject, body) VALUES (?, ?, ?, ?, ?)"


class SqliteLedger:
    """An append-only SQLite file, mode 0600."""

    def __init__(self, path: str | Path) -> None:
        """Remember the path; files and the thread are made with the first write."""
        self.path = Path(path)
        self._spool = Spool(self.path.parent, name=self.path.name)
        self._lock = threading.Lock()
        self._writer: _Writer | None = None

    async def append(self, event: Event) -> None:
        """Hand the event to the writer and wait until its group is committed."""
        future = self._living_writer().submit(_row(event))
        # The visitor may go away; the commit goes on.
        await asyncio.shield(asyncio.wrap_future(future))

    def defer(self, event: Event) -> None:
        """Sync the event into the spool; the writer drains it with its next group."""
        self._spool.add(event.canonical())

    def save_notice(self, name: str, body: bytes) -> None:
        """Keep a notice."""
        self._write("INSERT OR IGNORE INTO notice VALUES (?, ?)", (name, body))

    def notice(self, name: str) -> bytes | None:
        """Give a notice back."""
        rows = self._read("SELECT body FROM notice WHERE hash = ?", (name,))
        return bytes(rows[0][0]) if rows else None

    def notices(self) -> Iterator[tuple[str, bytes]]:
        """Their starts, in the order they came."""
        rows = self._read(
            "SELECT hash, substr(body, 1, ?) FROM notice ORDER BY rowid", (NOTICE_START_BYTES,)
        )
        yield from ((str(name), bytes(start)) for name, start in rows)

    def save_meaning(self, name: bytes, table: str) -> None:
        """Keep a meaning."""
        self._write("INSERT OR IGNORE INTO meaning VALUES (?, ?)", (name, table))

    def meanings(self) -> Mapping[bytes, str]:
        """Every meaning kept; none where there is no file yet."""
        rows = self._read("SELECT hash, body FROM meaning", ())
        return {bytes(name): str(table) for name, table in rows}

    def events(self) -> Iterator[Event]:
        """Every event, in the order of commit."""
        for (body,) in self._read("SELECT body FROM event ORDER BY seq", ()):
            yield event_of(bytes(body))

    def rows(self, after: int, limit: int) -> list[StoredRow]:
        """The next rows: one writer at a time commits, so numbers become visible in order."""
        return self._read(
            "SELECT seq, id, subject, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )

    def rows_of(self, subject: str) -> list[StoredRow]:
        """The rows of one subject, in the order of commit."""
        return self._read(
            "SELECT seq, id, subject, body FROM event WHERE subject = ? AND subject <> '' "
            "ORDER BY seq",
            (subject,),
        )

    def forget(self, before: int) -> None:
        """Remove the first rows, from the write-ahead log too; the guard is down meanwhile."""
        with _opened(self.path) as connection:
            try:
                with held(_lock_of(self.path)):
                    connection.executescript(_FORGET.format(before=int(before)))
            except (sqlite3.Error, OSError) as error:
                raise LedgerUnavailable(f"{self.path}: cannot remove events: {error}") from error

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None and writer.pid == os.getpid():
            writer.stop()

    def _living_writer(self) -> _Writer:
        writer = self._writer
        if writer is not None and writer.is_usable():
            return writer
        with self._lock:
            writer = self._writer
            if writer is None or not writer.is_usable():  # none yet, or a child after fork
                writer = self._writer = _Writer(self.path, self._spool)
        return writer

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with _opened(self.path) as connection:
            try:
                with held(_lock_of(self.path)):
                    connection.execute(statement, values)
            except (sqlite3.Error, OSError) as error:
                raise LedgerUnavailable(f"{self.path}: cannot write: {error}") from error

    def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with _opened(self.path) as connection:
            try:
                return connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise LedgerUnavailable(f"{self.path}: cannot read: {error}") from error


def _row(event: Event) -> Row:
    return (event.id, event.at_ms, event.kind.value, event.subject, event.canonical())


class _Writer:
    """One thread that commits whatever has queued up since its last commit as one group."""

    def __init__(self, path: Path, spool: Spool) -> None:
        self.pid = os.getpid()
        self._path = path
        self._spool = spool
        self._queue: queue.Queue[tuple[Row, Future[None]] | None] = queue.Queue(MAX_QUEUE)
        self._connection: sqlite3.Connection | None = None
        watch(self)
        self._thread = threading.Thread(target=self._run, name="consentgate-ledger", daemon=True)
        self._thread.start()

    def is_usable(self) -> bool:
        return self.pid == os.getpid() and self._thread.is_alive()

    def submit(self, row: Row) -> Future[None]:
        future: Future[None] = Future()
        try:
            self._queue.put_nowait((row, future))
        except queue.Full as error:
            raise LedgerUnavailable(f"{self._path}: {MAX_QUEUE} choices are waiting") from error
        return future

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=10)

    def let_go(self) -> None:
        """Close the connection; the next group opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            failure = self._store(group)
            for _, future in group:
                _resolve(future, failure)
        with in_use():
            self.let_go()

    def _store(self, group: list[tuple[Row, Future[None]]]) -> LedgerUnavailable | None:
        with in_use():
            try:
                if self._connection is None:
                    self._connection = connect(self._path)
                self._commit(self._connection, group)
            except Exception as error:  # whatever it is, those who wait must hear of it
                self.let_go()
                return LedgerUnavailable(f"{self._path}: cannot write: {error}")
        return None

    def _next_group(self) -> tuple[list[tuple[Row, Future[None]]], bool]:
        group: list[tuple[Row, Future[None]]] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == MAX_GROUP or self._queue.empty():
                return group, True
            item = self._queue.get_nowait()
        return group, False

    def _commit(
        self, connection: sqlite3.Connection, group: list[tuple[Row, Future[None]]]
    ) -> None:
        with held(_lock_of(self._path)), self._spool.held():
            drained = [_read_rows(path) for path in self._spool.files()]
            rows = [row for _, spooled, _ in drained for row in spooled]
            rows += [row for row, _ in group]
            if rows:
                _insert(connection, rows)
            for path, _, unread in drained:
                self._spool.clear(path, unread)


def _read_rows(path: Path) -> tuple[Path, list[Row], list[bytes]]:
    """A spool file with its rows, and with the records that are no events."""
    rows, unread = [], []
    for body in read_spool(path):
        try:
            rows.append(_row(event_of(body)))
        except ValueError:
            unread.append(body)
    return path, rows, unread


def _insert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _resolve(future: Future[None], failure: LedgerUnavailable | None) -> None:
    if future.set_running_or_notify_cancel():
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing, making it where it is missing.

    Raises:
        LedgerUnavailable: the folder or file cannot be made, opened or prepared.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with held(_lock_of(path)):
            return _prepared(
                sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            )
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnavailable(
            f"{path}: cannot open the ledger: {error}; check that the folder is on a local disk "
            "and that this user may write there"
        ) from error


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {setting}")
        connection.executescript(_SCHEMA + _GUARDS)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with in_use(), contextlib.closing(connect(path)) as connection:
        yield connection


def _lock_of(path: Path) -> Path:
    """The file whose lock makes writers of several processes take turns."""
    return Path(f"{path}.lock")
