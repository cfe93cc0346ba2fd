"""Owns the ledger in a SQLite file: one writer thread per process, group commit, durable.

WAL with ``synchronous=FULL``: an acknowledged event survives a killed process and a power cut.
A file lock around the write transaction keeps several worker processes fair to each other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from consentgate.domain.events import Event, event_of
from consentgate.errors import LedgerUnavailable
from consentgate.ledger import NOTICE_START_BYTES, Row, WholeRow
from consentgate.ledger.backlog import Backlog
from consentgate.ledger.forks import in_use
from consentgate.ledger.locks import held
from consentgate.ledger.proof.erasing import erase
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.sqlite_files import Files, Moved, closing_name, is_quiet
from consentgate.ledger.writer import DurableLedger, Store

logger = logging.getLogger("consentgate")

BUSY_SECONDS = 0.5
"""How long another program's transaction is waited for, once it is our turn."""
RECENT = 2_048
"""Events stored again where the file was replaced: more than a write-ahead log holds of them."""
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
CREATE TABLE IF NOT EXISTS ledger (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL)
  STRICT;
"""
_KEYS = {"event": ("id", "seq"), "notice": ("hash",), "meaning": ("hash",), "ledger": ("one",)}
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

_Row = tuple[str, int, str, str, bytes]
_INSERT = "INSERT OR IGNORE INTO event (id, at_ms, kind, subject, body) VALUES (?, ?, ?, ?, ?)"


class SqliteLedger(DurableLedger):
    """An append-only SQLite file, mode 0600."""

    def __init__(self, path: str | Path, *, spool: str = "") -> None:
        """Remember the path; files and the thread are made with the first write.

        Args:
            path: of the file.
            spool: folder for refusals that cannot be written there; empty: beside the file, then
                on another file system.
        """
        self.path = Path(path)
        self.proof = ProofFile(f"{path}.proof")
        self._spool = spool
        super().__init__(self._parts)

    def _parts(self) -> tuple[Store, Backlog]:
        return _File(self.path), Backlog(self.path.parent, self.path.name, spool=self._spool)

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

    def meanings(self) -> Mapping[bytes, str]:
        """Every meaning kept; none where there is no file yet."""
        rows = self._read("SELECT hash, body FROM meaning", ())
        return {bytes(name): str(table) for name, table in rows}

    def events(self) -> Iterator[Event]:
        """Every event, in the order of commit."""
        for (body,) in self._read("SELECT body FROM event ORDER BY seq", ()):
            yield event_of(bytes(body))

    def rows(self, after: int, limit: int) -> list[Row]:
        """The next rows: one writer at a time commits, so numbers become visible in order."""
        return self._read(
            "SELECT seq, id, subject, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )

    def rows_of(self, subject: str) -> list[Row]:
        """The rows of one subject, in the order of commit."""
        return self._read(
            "SELECT seq, id, subject, body FROM event WHERE subject = ? AND subject <> '' "
            "ORDER BY seq",
            (subject,),
        )

    def forget(self, before: int) -> None:
        """Remove the first rows."""
        with self._unguarded("event_is_never_deleted") as connection:
            connection.execute("DELETE FROM event WHERE seq < ?", (before,))

    def erase(self, subject: str) -> int:
        """Erase a subject."""
        return erase(self.proof, self.rows_of, self._redact, subject)

    def put(self, rows: Sequence[WholeRow]) -> None:
        """Bring back rows of an evidence pack, with the numbers they had."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (
                in_use(),
                held(lock_of(self.path)),
                contextlib.closing(connect(self.path)) as connection,
                _transaction(connection),
            ):
                connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(f"{self.path}: cannot write: {error}") from error

    def _redact(self, bodies: Mapping[int, bytes]) -> None:
        with self._unguarded("event_is_never_changed") as connection:
            connection.executemany(
                "UPDATE event SET subject = '', body = ? WHERE seq = ?",
                [(body, number) for number, body in bodies.items()],
            )

    @contextlib.contextmanager
    def _unguarded(self, trigger: str) -> Iterator[sqlite3.Connection]:
        """One transaction without one of the guards; the write-ahead log is emptied after it,
        since what was erased also stands there."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (
                in_use(),
                held(lock_of(self.path)),
                contextlib.closing(connect(self.path)) as connection,
            ):
                with _transaction(connection):
                    guard = "SELECT sql FROM sqlite_schema WHERE name = ?"
                    (again,) = connection.execute(guard, (trigger,)).fetchone()
                    connection.execute(f"DROP TRIGGER {trigger}")
                    yield connection
                    connection.execute(again)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(f"{self.path}: cannot erase: {error}") from error

    def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        address = f"file:{quote(os.fspath(self.path))}?mode=rw"
        try:
            with (
                in_use(),
                contextlib.closing(sqlite3.connect(address, uri=True, timeout=1)) as connection,
            ):
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"{self.path}: cannot read: {error}") from error


class _File:
    """The file as the writer's thread keeps it open."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._files: Files | None = None
        self._has_moved = False
        self._notices: dict[str, bytes] = {}
        self._meanings: dict[bytes, str] = {}
        self._recent: deque[_Row] = deque(maxlen=RECENT)

    def commit(self, events: Sequence[Event]) -> None:
        """Store events as one transaction, into files that are still the ledger's afterwards."""
        rows = [_row(event) for event in events]
        with self._turn() as connection, _transaction(connection):
            connection.executemany(_INSERT, rows)
        self._recent.extend(rows)

    def kept(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids are stored."""
        with self._turn() as connection:
            return {one for one in ids if _has(connection, one)}

    def save(self, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store notices and meanings; they are stored again where the file is replaced."""
        with self._turn() as connection:
            _save(connection, notices, meanings)
        self._notices.update(notices)
        self._meanings.update(meanings)

    def interrupt(self) -> None:
        """End a statement that takes too long; a sync cannot be ended."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.interrupt()

    def let_go(self) -> None:
        """Close the connection; the next use opens another."""
        if self._connection is None:
            return
        try:
            self._check()
        except (Moved, sqlite3.Error, OSError):
            with contextlib.suppress(OSError), held(lock_of(self._path)):
                self._close_moved()
        self._close()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[sqlite3.Connection]:
        """The connection to the file that is there now, while no other process writes.

        Raises:
            Moved: the file went away meanwhile; what was written is not in the ledger.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with held(lock_of(self._path)):
            try:
                self._check()
            except Moved as moved:
                logger.error("consentgate: %s; it is opened anew", moved)
                self._close_moved()
            connection = self._connection or self._opened()
            yield connection
            try:
                self._check()
            except Moved:
                self._close_moved()
                raise

    def _check(self) -> None:
        if self._files is not None:
            self._files.check()

    def _close_moved(self) -> None:
        """Leave the former files alone; only within the lock, where nobody misses the path."""
        connection, self._connection = self._connection, None
        files, self._files = self._files, None
        self._has_moved = True
        if connection is not None and files is not None:
            files.close(connection)

    def _close(self) -> None:
        connection, self._connection, self._files = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        """Open the file; where another one was there before, store again what that held last."""
        if self._has_moved and not is_quiet(self._path):
            raise LedgerUnavailable(f"{self._path}: another program is writing into the file")
        self._connection = connection = connect(self._path)
        try:
            files = _files_of(connection, self._path)
            _save(connection, self._notices, self._meanings)
            if self._recent and not _has(connection, self._recent[-1][0]):
                with _transaction(connection):
                    connection.executemany(_INSERT, self._recent)
        except BaseException:
            self._close()
            raise
        self._files, self._has_moved = files, False
        return connection


def _files_of(connection: sqlite3.Connection, path: Path) -> Files:
    """Look at the files; what only the write-ahead log holds so far is copied out first."""
    try:
        return Files(path)
    except Moved:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return Files(path)


def _row(event: Event) -> _Row:
    return (event.id, event.at_ms, event.kind.value, event.subject, event.canonical())


def _has(connection: sqlite3.Connection, event_id: str) -> bool:
    found = connection.execute("SELECT 1 FROM event WHERE id = ?", (event_id,))
    return found.fetchone() is not None


def _save(
    connection: sqlite3.Connection, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]
) -> None:
    """Store what is missing; where nothing is, nothing is written."""
    known = {row[0] for row in connection.execute("SELECT hash FROM notice")}
    new = [pair for pair in notices.items() if pair[0] not in known]
    meant = {bytes(row[0]) for row in connection.execute("SELECT hash FROM meaning")}
    meaning = [pair for pair in meanings.items() if pair[0] not in meant]
    if not new and not meaning:
        return
    with _transaction(connection):
        connection.executemany("INSERT OR IGNORE INTO notice VALUES (?, ?)", new)
        connection.executemany("INSERT OR IGNORE INTO meaning VALUES (?, ?)", meaning)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing, making it where it is missing; call it in the lock of the file.

    Raises:
        LedgerUnavailable: the file cannot be made, opened or prepared.
    """
    connection = None
    try:
        if not path.exists():
            _bring_back_or_make(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        _prepare(connection)
        return connection
    except (OSError, sqlite3.Error) as error:
        if connection is not None:
            connection.close()
        raise LedgerUnavailable(
            f"{path}: cannot open the ledger: {error}; check that the folder is on a local disk "
            "and that this user may write there"
        ) from error


def _bring_back_or_make(path: Path) -> None:
    try:
        os.rename(closing_name(path), path)  # a process was killed just then
    except OSError:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare(connection: sqlite3.Connection) -> None:
    for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.executescript(_SCHEMA + _GUARDS)
    if connection.execute("SELECT 1 FROM ledger").fetchone() is None:
        connection.execute("INSERT OR IGNORE INTO ledger VALUES (1, ?)", (secrets.token_hex(16),))


def lock_of(path: Path) -> Path:
    """The file whose lock makes writers of several processes take turns."""
    return Path(f"{path}.lock")
