"""Owns the site log's live file: one JSON line a visit, one write, append-only.

Several worker processes append to one file without tearing lines (O_APPEND, one ``os.write``
each, on a local file system).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

logger = logging.getLogger("consentgate")

FILE_NAME = "site.jsonl"
FILE_MODE = 0o640


def _encoder() -> Callable[[object], bytes]:
    try:
        import orjson
    except ImportError:
        encode = json.JSONEncoder(separators=(",", ":")).encode
        return lambda record: encode(record).encode("utf-8") + b"\n"
    return lambda record: orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


class LineFile:
    """Appends records to ``site.jsonl`` in a folder; opened with the first line, per process."""

    def __init__(self, directory: str | Path) -> None:
        self.path = Path(directory) / FILE_NAME
        self.lost = 0
        """How many records could not be written."""
        self._handle = -1
        self._pid = 0
        self._encode = _encoder()

    def write(self, record: Mapping[str, object]) -> None:
        """Append one line; what cannot be written is counted and said once."""
        try:
            if self._pid != os.getpid():
                self._open()
            os.write(self._handle, self._encode(record))
        except (OSError, TypeError, ValueError) as error:
            self.lost += 1
            self._pid = 0
            if self.lost == 1:
                logger.error("consentgate: the site log %s is not written: %s", self.path, error)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        if self._handle >= 0 and self._pid == os.getpid():
            os.close(self._handle)
        self._handle = os.open(self.path, flags, FILE_MODE)
        self._pid = os.getpid()

    def close(self) -> None:
        """Close the file of this process."""
        if self._handle >= 0 and self._pid == os.getpid():
            os.close(self._handle)
        self._handle, self._pid = -1, 0


class NoFile:
    """Writes nothing: the policy names no folder."""

    lost = 0

    def write(self, record: Mapping[str, object]) -> None:
        """Forget the record."""

    def close(self) -> None:
        """Nothing to let go of."""
