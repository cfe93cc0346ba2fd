"""Owns which files a SQLite connection writes to, and whether they are still the ledger's.

A deleted or replaced file goes on being written to by whoever has it open: what is stored there is
lost. So the files behind the path are compared with those that were opened, by device and inode,
before and after each commit. A file that was overwritten in place is the same file with other
contents: whenever its size or time of change moves, what was last seen in it must still be there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from consentgate.errors import LedgerUnavailable

_QUIET_SECONDS = 1.0
"""A file that changed a moment ago may still be being copied."""

_SUFFIXES = ("-wal", "-shm")

Inode = tuple[int, int]


class _State(NamedTuple):
    """What is seen of the database's file from outside."""

    inode: Inode
    size: int
    changed_ns: int


class _Contents(NamedTuple):
    """What the database's file itself holds, its write-ahead log left aside."""

    name: str
    """Random, of this ledger."""
    last: tuple[int, str] | None
    """Number and id of the last event."""


class Files:
    """The files of one open connection."""

    def __init__(self, path: Path) -> None:
        """Remember them as they are, right after they were opened."""
        self._path = path
        self._state = _state(path)
        self._beside = _beside(path)
        self._contents = _contents(path)

    def check(self) -> None:
        """See that the path still leads to these files, with what was in them.

        Raises:
            Moved: it does not.
        """
        state = _state(self._path)
        if state.inode != self._state.inode:
            raise Moved(f"{self._path}: the file was deleted or replaced by another")
        if _beside(self._path) != self._beside:
            raise Moved(f"{self._path}: the write-ahead log beside it was deleted or replaced")
        if state != self._state:
            self._check_contents()
            self._state = state

    def _check_contents(self) -> None:
        """A checkpoint adds to the file; whoever overwrites it leaves something else."""
        found = _contents(self._path)
        then = self._contents
        is_same = found.name == then.name
        if not is_same or (then.last is not None and not _has(self._path, then.last)):
            raise Moved(f"{self._path}: the file was overwritten with other contents")
        self._contents = found

    def close(self, connection: sqlite3.Connection) -> None:
        """Close a connection to files that are no longer the ledger's; nothing is written.

        Closing the last connection copies the write-ahead log into the file at the path, which
        would destroy contents that are not ours; SQLite leaves that out where the path leads
        elsewhere. So it does for a moment. The log of the former contents is put aside.
        """
        away = closing_name(self._path)
        is_here = _state(self._path).inode == self._state.inode and _renamed(self._path, away)
        with contextlib.suppress(sqlite3.Error):
            connection.close()
        for suffix, inode in zip(_SUFFIXES, self._beside, strict=True):
            beside = f"{self._path}{suffix}"
            if _inode(beside) == inode:
                _renamed(Path(beside), Path(f"{self._path}.moved-{time.time_ns()}{suffix}"))
        if is_here:
            os.rename(away, self._path)


class Moved(LedgerUnavailable):
    """The path leads to other files, or other contents, than those that are open."""


def closing_name(path: Path) -> Path:
    """The name of a ledger's file while a connection to its former contents is being closed."""
    return path.with_name(f"{path.name}.closing")


def is_quiet(path: Path) -> bool:
    """Whether a file is missing, or nobody has written into it for a moment."""
    try:
        return time.time() - path.stat().st_ctime >= _QUIET_SECONDS
    except OSError:
        return True


def _renamed(old: Path, new: Path) -> bool:
    try:
        os.rename(old, new)
    except OSError:
        return False
    return True


def _state(path: Path) -> _State:
    try:
        seen = os.stat(path)
    except OSError:
        return _State((0, 0), 0, 0)
    return _State((seen.st_dev, seen.st_ino), seen.st_size, seen.st_ctime_ns)


def _beside(path: Path) -> tuple[Inode, Inode]:
    return _inode(f"{path}-wal"), _inode(f"{path}-shm")


def _inode(path: str) -> Inode:
    try:
        seen = os.stat(path)
    except OSError:
        return (0, 0)
    return seen.st_dev, seen.st_ino


def _contents(path: Path) -> _Contents:
    """Read the file past its write-ahead log, through SQLite alone: closing a handle of our own
    would drop the locks that this process holds on the file (sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        Moved: it cannot be read as a ledger.
    """
    try:
        with _immutable(path) as connection:
            (name,) = connection.execute("SELECT name FROM ledger").fetchone()
            last = connection.execute(
                "SELECT seq, id FROM event ORDER BY seq DESC LIMIT 1"
            ).fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise Moved(f"{path}: the file is no ledger any more: {error}") from error
    return _Contents(name, last)


def _has(path: Path, last: tuple[int, str]) -> bool:
    with _immutable(path) as connection:
        found = connection.execute("SELECT id FROM event WHERE seq = ?", last[:1]).fetchone()
    return found is not None and bool(found[0] == last[1])


def _immutable(path: Path) -> contextlib.closing[sqlite3.Connection]:
    address = f"file:{quote(os.fspath(path))}?immutable=1"
    return contextlib.closing(sqlite3.connect(address, uri=True))
