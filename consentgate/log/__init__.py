"""Owns the site log: access records, minimised before they touch disk.

Never sees a raw address; what a record may hold was decided by gates/site_information.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class RecordSink(Protocol):
    """Where access records go."""

    def write(self, record: Mapping[str, object]) -> None:
        """Write one record. Never raises: a full disk stops the log, not the site."""
        ...

    def append(self, line: bytes) -> None:
        """The same for the ready line of an operational record (T0), line break included."""
        ...

    def put(self, line: bytes) -> None:
        """The same for the ready line of another record, which is never held back."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
