"""Owns the proof in a SQLite file of its own beside the ledger's, which it never locks.

Whoever copies the ledger copies this file too: without its salts no commitment can be opened.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from consentgate.errors import LedgerUnavailable
from consentgate.formats.proof.tiles import Place
from consentgate.ledger.forks import in_use
from consentgate.ledger.proof import Leaf, Position, Signed

_TIMEOUT_SECONDS = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS leaf (
  leaf INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  salt BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS tile (
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, number)
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
  size INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS pruned (one INTEGER PRIMARY KEY CHECK (one = 1), leaves INTEGER NOT NULL)
  STRICT;
"""
_LEAF = "SELECT leaf, number, id, salt FROM leaf"
_AS_LEAF = partial(tuple.__new__, Leaf)
"""Leaf._make without its Python frame: a verification makes millions."""


class ProofFile:
    """Leaves, tiles and checkpoints in one file, mode 0600."""

    def __init__(self, path: str | Path) -> None:
        """Remember the path; the file is made with the first write."""
        self.path = Path(path)

    @contextlib.contextmanager
    def elected(self) -> Iterator[bool]:
        """Take the lock of the file where nobody has it.

        Raises:
            LedgerUnavailable: the lock's file cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnavailable(f"{self.path}.lock: cannot be made: {error}") from error
        try:
            yield _is_locked(handle)
        finally:
            # A child forked meanwhile shares the lock; closing alone would keep it (flock(2)).
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def position(self) -> Position:
        """How far the tree has come."""
        pruned = self._read("SELECT coalesce(max(leaves), 0) FROM pruned")
        last = self._read(f"{_LEAF} ORDER BY leaf DESC LIMIT 1")
        count = int(pruned[0][0]) if pruned else 0
        if not last:
            return Position(count, count, None)
        return Position(last[0][0] + 1, count, Leaf(*last[0]))

    def extend(self, leaves: Sequence[Leaf], tiles: Mapping[Place, bytes]) -> None:
        """Add leaves and the tiles they change in one transaction."""
        with self._writing() as connection:
            connection.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?)", leaves)
            connection.executemany(
                "INSERT INTO tile VALUES (?, ?, ?) "
                "ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes",
                [(level, number, hashes) for (level, number), hashes in tiles.items()],
            )

    def sign(self, signed: Signed) -> None:
        """Add a checkpoint."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?)", signed)

    def leaves(self, first: int, limit: int) -> list[Leaf]:
        """The next leaves."""
        rows = self._read(f"{_LEAF} WHERE leaf >= ? ORDER BY leaf LIMIT ?", first, limit)
        return list(map(_AS_LEAF, rows))

    def leaf(self, event_id: str) -> Leaf | None:
        """The leaf of an event."""
        rows = self._read(f"{_LEAF} WHERE id = ?", event_id)
        return Leaf(*rows[0]) if rows else None

    def tile(self, level: int, number: int) -> bytes:
        """A tile's hashes."""
        rows = self._read("SELECT hashes FROM tile WHERE level = ? AND number = ?", level, number)
        return bytes(rows[0][0]) if rows else b""

    def tiles(self, level: int, first: int, limit: int) -> dict[int, bytes]:
        """The tiles there are of a level."""
        return dict(
            self._read(
                "SELECT number, hashes FROM tile WHERE level = ? AND number >= ? AND number < ?",
                level,
                first,
                first + limit,
            )
        )

    def checkpoints(self) -> list[Signed]:
        """Every checkpoint."""
        return [Signed(*row) for row in self._read("SELECT * FROM checkpoint ORDER BY size")]

    def last_checkpoint(self) -> Signed | None:
        """The largest checkpoint."""
        rows = self._read("SELECT * FROM checkpoint ORDER BY size DESC LIMIT 1")
        return Signed(*rows[0]) if rows else None

    def forget_salts(self, event_ids: Sequence[str]) -> None:
        """Erase salts, from the write-ahead log too."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE leaf SET salt = NULL WHERE id = ?", [(one,) for one in event_ids]
            )
        self._overwrite_log()

    def prune(self, before: int) -> None:
        """Forget leaves below an index, their salts with them."""
        with self._writing() as connection:
            connection.execute("DELETE FROM leaf WHERE leaf < ?", (before,))
            connection.execute("INSERT OR REPLACE INTO pruned VALUES (1, ?)", (before,))
        self._overwrite_log()

    def _overwrite_log(self) -> None:
        """What was erased also stands in the write-ahead log until that is emptied."""
        with self._opened() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with self._opened() as connection:
            return connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with in_use(), contextlib.closing(self._connection()) as connection:
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise LedgerUnavailable(f"{self.path}: cannot keep the proof: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=_TIMEOUT_SECONDS, isolation_level=None)
        try:
            for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                connection.execute(f"PRAGMA {setting}")
            connection.executescript(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
