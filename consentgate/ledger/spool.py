"""Owns the spool: a file that keeps refusals durable while the ledger cannot be written.

Each record is its length, its CRC-32 and its bytes, synced before ``add`` returns; a torn last
record is ignored.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from consentgate.errors import LedgerUnavailable

_HEAD = struct.Struct(">II")
_MOST_BYTES = 1 << 20


class Spool:
    """One append-only file per process beside the ledger."""

    def __init__(self, directory: Path, *, name: str) -> None:
        self.directory = directory
        self._stem = f"{name}.spool"

    def add(self, body: bytes) -> None:
        """Append one record and sync it.

        Raises:
            LedgerUnavailable: the file cannot be written.
        """
        path = self.directory / f"{self._stem}.{os.getpid()}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self.held():
                _append(path, _HEAD.pack(len(body), zlib.crc32(body)) + body)
        except OSError as error:
            raise LedgerUnavailable(f"{path}: cannot keep a refusal: {error}") from error

    def files(self) -> list[Path]:
        """Every spool file of this ledger, of any process."""
        return sorted(self.directory.glob(f"{self._stem}.*"))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep every process from adding while the files are drained, and the other way round."""
        handle = os.open(self.directory / f"{self._stem}-lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _append(path: Path, record: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, record)
        os.fsync(handle)
    finally:
        os.close(handle)


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
