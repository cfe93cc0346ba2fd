"""Owns the audit trail of the security log: who had a pseudonym lifted, when and why.

Lines are only added, and each carries the hash of the one before it: a line that is changed, moved
or taken out from the middle shows. It never holds what was revealed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from consentgate.errors import LogError
from consentgate.formats.chained_lines import START, BrokenChain, chained, hash_in, read_chain

FILE_NAME = "audit.jsonl"
FILE_MODE = 0o600


class Audit:
    """The trail of one folder."""

    def __init__(self, directory: str | Path) -> None:
        """Remember the folder; nothing is made before the first entry."""
        self.path = Path(directory) / FILE_NAME

    def add(self, entry: Mapping[str, str]) -> str:
        """Add an entry, durably; gives its hash.

        Raises:
            LogError: it cannot be written, or the trail has been changed; nothing may be
                revealed then.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags, FILE_MODE)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                *_, last = self._checked(_whole(handle)) or [{"hash": START}]
                line = chained(entry, last["hash"])
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise LogError(f"{self.path}: cannot be written: {error.strerror}") from error
        return hash_in(line)

    def entries(self) -> list[dict[str, str]]:
        """Every entry, oldest first; none where nothing was revealed.

        Raises:
            LogError: the file cannot be read, or a line has been changed: it is named.
        """
        try:
            return self._checked(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LogError(f"{self.path}: cannot be read: {error.strerror}") from error

    def _checked(self, text: bytes) -> list[dict[str, str]]:
        try:
            return list(read_chain(text))
        except BrokenChain as error:
            raise LogError(
                f"{self.path}:{error.number}: this entry has been changed, or the one before it "
                "was taken out; keep the file as evidence and begin another"
            ) from error


def _whole(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0)
