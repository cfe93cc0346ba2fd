"""Owns the site log on standard output, for platforms that collect what a container prints."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping

from consentgate.log.writing.segment import encoder

logger = logging.getLogger("consentgate")

HANDLE = 1
NAME = "-"
"""What ``[log] directory`` says for it."""


class StandardOutput:
    """Prints one JSON line a visit, with one write each: whole among the lines of other workers.

    A pipe keeps a write of up to 4,096 bytes together (POSIX, PIPE_BUF); records are shorter but
    for the longest paths and queries.
    """

    def __init__(self, handle: int = HANDLE) -> None:
        self.lost = 0
        """How many records could not be written."""
        self._handle = handle
        self._encode = encoder()
        self._lock = threading.Lock()
        self._is_torn = self._is_failing = False

    def write(self, record: Mapping[str, object]) -> None:
        """Print one record. Never raises: what cannot be written is counted, and said once."""
        try:
            line = self._encode(record)
        except (TypeError, ValueError) as error:
            self._lose(type(error).__name__)
            return
        self.append(line)

    def append(self, line: bytes) -> None:
        """Print a ready line."""
        try:
            with self._lock:
                self._put(b"\n" + line if self._is_torn else line)
        except OSError as error:
            self._lose(str(error.strerror or type(error).__name__))

    def put(self, line: bytes) -> None:
        """Print a ready line."""
        self.append(line)

    def _put(self, line: bytes) -> None:
        written = os.write(self._handle, line)
        self._is_torn = written != len(line)
        if self._is_torn:
            self._lose("nobody reads it fast enough")
        else:
            self._is_failing = False

    def _lose(self, why: str) -> None:
        self.lost += 1
        if not self._is_failing:
            self._is_failing = True
            logger.error("consentgate: the site log on standard output is not written: %s", why)

    def close(self) -> None:
        """Nothing to let go of."""
