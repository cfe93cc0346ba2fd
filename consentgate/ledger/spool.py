"""Owns the spool: a file that keeps refusals durable while the ledger cannot be written.

Each record is its length, its CRC-32 and its bytes, synced before ``add`` returns. A record that
did not fit is cut off again, a torn last one is ignored, and one that no version reads is kept
aside.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from consentgate.errors import LedgerUnavailable
from consentgate.ledger.locks import held

LOCK_SECONDS = 0.2
"""How long a file of the spool is waited for: another place stands behind it."""
_HEAD = struct.Struct(">II")
_MOST_BYTES = 1 << 20
MOST_FILE_BYTES = 32 << 20
"""A file takes no more: about forty thousand refusals of one process."""


class Spool:
    """One append-only file per process in a folder."""

    def __init__(self, directory: Path, *, name: str, is_public: bool = False) -> None:
        """Remember the place; nothing is made before the first record.

        Args:
            directory: the folder, made where it is missing.
            name: of the ledger; begins the name of every file.
            is_public: others may write where the folder lies (``/var/tmp``): it is then used only
                if it is this user's own and closed to everyone else.
        """
        self.directory = directory
        self._is_public = is_public
        self._stem = f"{name}.spool"
        self._mended_by = 0

    def add(self, body: bytes) -> None:
        """Append one record and sync it.

        Raises:
            LedgerUnavailable: the file cannot be written; nothing of the record is left.
        """
        path = self.directory / f"{self._stem}.{os.getpid()}"
        try:
            self._make_directory()
            with self.held():
                if self._mended_by != os.getpid():
                    _cut_torn(path)
                    self._mended_by = os.getpid()
                _append(path, body)
        except OSError as error:
            raise LedgerUnavailable(f"{path}: cannot keep a refusal: {error}") from error

    def files(self) -> list[Path]:
        """Every spool file of this ledger, of any process."""
        if self._is_public and not self._is_own():
            return []
        start = f"{self._stem}."
        try:
            names = os.listdir(self.directory)
        except OSError:
            return []
        return sorted(self.directory / name for name in names if name.startswith(start))

    def drop(self, path: Path, unread: Sequence[bytes]) -> None:
        """Remove a file whose records are in the ledger; keep aside what could not be read.

        Raises:
            OSError: it stays where it is; its records are stored again, once, another time.
        """
        aside = self.directory / f"{self._stem}-unread.{os.getpid()}"
        for body in unread:
            _append(aside, body)
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep every process from adding while the files are drained, and the other way round.

        Raises:
            OSError: the lock cannot be had in time.
        """
        with held(self.directory / f"{self._stem}-lock", seconds=LOCK_SECONDS):
            yield

    def _make_directory(self) -> None:
        if not self._is_public:
            self.directory.mkdir(parents=True, exist_ok=True)
            return
        with contextlib.suppress(FileExistsError):
            self.directory.mkdir(mode=0o700)
        if not self._is_own():
            raise PermissionError(errno.EPERM, "somebody else's folder", str(self.directory))

    def _is_own(self) -> bool:
        try:
            seen = os.lstat(self.directory)
        except OSError:
            return False
        is_closed = stat.S_ISDIR(seen.st_mode) and not seen.st_mode & 0o077
        return is_closed and seen.st_uid == os.geteuid()


def _append(path: Path, body: bytes) -> None:
    record = _HEAD.pack(len(body), zlib.crc32(body)) + body
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size > MOST_FILE_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            if os.write(handle, record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)  # the next record must not follow half a one
            raise
    finally:
        os.close(handle)
    if not size:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its bytes (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cut_torn(path: Path) -> None:
    """Cut off a record that a power cut tore, so that what follows it can be read."""
    if path.exists():
        whole = sum(_HEAD.size + len(body) for body in read_spool(path))
        if whole < path.stat().st_size:
            os.truncate(path, whole)


def read_spool(path: Path) -> list[bytes]:
    """The whole records of a spool file, in order; stops at the first torn one."""
    data = path.read_bytes()
    records = []
    position = 0
    while position + _HEAD.size <= len(data):
        size, checksum = _HEAD.unpack_from(data, position)
        body = data[position + _HEAD.size : position + _HEAD.size + size]
        if size > _MOST_BYTES or len(body) < size or zlib.crc32(body) != checksum:
            break
        records.append(body)
        position += _HEAD.size + size
    return records
