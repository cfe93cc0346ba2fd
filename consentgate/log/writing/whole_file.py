"""Owns output that is there whole or not at all: written beside its name, then renamed."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from consentgate.errors import LogError

FILE_MODE = 0o640


class FinishedFile:
    """A file that appears under its name when everything is in it, and durable.

    Whatever goes wrong, an earlier file of that name stays as it was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.unfinished")
        self._file: BinaryIO

    def __enter__(self) -> BinaryIO:
        """Begin.

        Raises:
            LogError: its folder cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            self._file = open(os.open(self._beside, flags, FILE_MODE), "wb")
        except OSError as error:
            raise LogError(f"{self._path}: cannot be written: {error.strerror}") from error
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, or leave nothing behind.

        Raises:
            LogError: the disk is full.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                os.replace(self._beside, self._path)
        except OSError as fault:
            kind = kind or OSError
            raise LogError(f"{self._path}: cannot be written: {fault.strerror}") from fault
        finally:
            if kind is not None:
                self._beside.unlink(missing_ok=True)
