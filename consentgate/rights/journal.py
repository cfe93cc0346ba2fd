"""Owns the register's journal: lines that are only added, each with the hash of the one before.

A line that is changed, moved or taken out from the middle shows. No line names a visitor: it says
a keyed hash of the ledger's reference, whose key lies beside the journal.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consentgate.errors import RightsError
from consentgate.formats.chained_lines import START, BrokenChain, chained, hash_in, read_chain

FILE_NAME = "register.jsonl"
FILE_MODE = 0o600
FOLDER_MODE = 0o700
_TAIL_BYTES = 65_536
"""More than the longest line."""

Entry = Mapping[str, Any]
"""One line of the journal."""


class Journal:
    """The lines of one folder."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; it is made with the first line."""
        self.folder = folder
        self.path = folder / FILE_NAME

    def add(self, entry: Entry) -> None:
        """Add a line, durably.

        Raises:
            RightsError: it cannot be written, or a line has been changed.
        """
        try:
            make_folder(self.folder)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            handle = os.open(self.path, flags, FILE_MODE)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                os.write(handle, chained(entry, _last_hash(handle)))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise RightsError(f"{self.path}: cannot be written: {error.strerror}") from error

    def entries(self) -> list[Entry]:
        """Every line, oldest first.

        Raises:
            RightsError: the file cannot be read, or a line has been changed: it is named.
        """
        try:
            return list(read_chain(self.path.read_bytes()))
        except FileNotFoundError:
            return []
        except BrokenChain as error:
            raise RightsError(
                f"{self.path}:{error.number}: this line has been changed, or the one before it was "
                "taken out; keep the file as evidence and begin another"
            ) from error
        except OSError as error:
            raise RightsError(f"{self.path}: cannot be read: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder that is closed to others."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _last_hash(handle: int) -> str:
    """The hash of the last line; a torn one is cut off first."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(handle, size - torn)
    lines = tail[: len(tail) - torn].splitlines()
    try:
        return hash_in(lines[-1]) if lines else START
    except ValueError as error:
        raise RightsError("the last line of the register has been changed") from error
