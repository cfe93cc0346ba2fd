"""Owns the spool: a file that keeps refusals durable while the ledger cannot be written.

Each record is its length, its CRC-32 and its bytes, synced before ``add`` returns. A record that
did not fit is cut off again, a torn last one is ignored, and one that no version reads is kept
aside.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from consentgate.errors import LedgerUnavailable
from consentgate.ledger.locks import held

_HEAD = struct.Struct(">II")
_MOST_BYTES = 1 << 20


class Spool:
    """One append-only file per process beside the ledger."""

    def __init__(self, directory: Path, *, name: str) -> None:
        self.directory = directory
        self._stem = f"{name}.spool"
        self._mended_by = 0

    def add(self, body: bytes) -> None:
        """Append one record and sync it.

        Raises:
            LedgerUnavailable: the file cannot be written; nothing of the record is left.
        """
        path = self.directory / f"{self._stem}.{os.getpid()}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self.held():
                if self._mended_by != os.getpid():
                    _cut_torn(path)
                    self._mended_by = os.getpid()
                _append(path, body)
        except OSError as error:
            raise LedgerUnavailable(f"{path}: cannot keep a refusal: {error}") from error

    def files(self) -> list[Path]:
        """Every spool file of this ledger, of any process."""
        return sorted(self.directory.glob(f"{glob.escape(self._stem)}.*"))

    def clear(self, path: Path, unread: Sequence[bytes]) -> None:
        """Remove a file whose records are in the ledger; keep aside what could not be read."""
        aside = self.directory / f"{self._stem}-unread.{os.getpid()}"
        for body in unread:
            _append(aside, body)
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep every process from adding while the files are drained, and the other way round."""
        with held(self.directory / f"{self._stem}-lock"):
            yield


def _append(path: Path, body: bytes) -> None:
    record = _HEAD.pack(len(body), zlib.crc32(body)) + body
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
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
