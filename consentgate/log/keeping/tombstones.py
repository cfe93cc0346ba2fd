"""Owns what is left of an erasure: the keyed names whose rows must never come back.

A backup that is restored after an erasure brings old rows with it; compaction drops them again.
A tombstone says nothing of anyone: the key that led from a person to these names is shredded.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from consentgate.errors import LogError
from consentgate.log.keeping.day_files import drop_rows
from consentgate.log.keeping.segment_lines import Row
from consentgate.log.writing.layout import SECRET_FILE_MODE, Layout, write_durably

COLUMNS = ("subject", "visitor")
"""Fields by which rows can be erased."""


class Tombstones:
    """The erased names of one site log."""

    def __init__(self, layout: Layout) -> None:
        """Read them.

        Raises:
            LogError: they are damaged.
            OSError: they are there and cannot be read.
        """
        self._layout = layout
        self._path = layout.state / "tombstones.jsonl"
        self._checked_path = layout.state / "checked.json"
        self._rows: list[Mapping[str, object]] = []
        self.values: dict[str, frozenset[str]] = dict.fromkeys(COLUMNS, frozenset())
        if self._path.exists():
            try:
                self._take([json.loads(line) for line in self._path.read_bytes().splitlines()])
            except (ValueError, KeyError, TypeError) as error:
                raise LogError(
                    f"{self._path}: cannot be read; restore it from a backup, so that erased rows "
                    "stay erased"
                ) from error

    def _take(self, rows: Collection[Mapping[str, object]]) -> None:
        self._rows = list(rows)
        for column in COLUMNS:
            self.values[column] = frozenset(
                str(value)
                for row in self._rows
                if row["column"] == column and isinstance(values := row["values"], list)
                for value in values
            )

    def add(self, column: str, values: Collection[str], day: str) -> None:
        """Remember erased names, durably, before a row is touched.

        Raises:
            OSError: they cannot be written; nothing is erased then.
        """
        self._take([*self._rows, {"at": day, "column": column, "values": sorted(values)}])
        self._save()

    def forget_before(self, day: str) -> int:
        """Forget names whose rows are too old to be kept anyway; how many tombstones went."""
        kept = [row for row in self._rows if str(row["at"]) >= day]
        gone = len(self._rows) - len(kept)
        if gone:
            self._take(kept)
            self._save()
        return gone

    def _save(self) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in self._rows)
        write_durably(self._path, lines.encode(), SECRET_FILE_MODE)

    def drops(self, row: Row) -> bool:
        """Whether a row was erased."""
        return any(row.get(column) in values for column, values in self.values.items() if values)

    def apply(self) -> int:
        """Drop erased rows of every part that was not looked through since; how many there were.

        Raises:
            LogError: a part cannot be read.
            OSError: a part cannot be written.
        """
        if not self._rows:
            return 0
        known, now, dropped = self._checked(), {}, 0
        for _, path in self._layout.parts():
            name = str(path.relative_to(self._layout.root))
            if known.get(name) != self._state_of(path):
                dropped += drop_rows(path, self.values)
            if path.exists():
                now[name] = self._state_of(path)
        write_durably(self._checked_path, json.dumps(now).encode(), SECRET_FILE_MODE)
        return dropped

    def _state_of(self, path: Path) -> list[int]:
        """What changes when a part is replaced, or a tombstone added."""
        found = path.stat()
        return [found.st_size, found.st_mtime_ns, found.st_ino, len(self._rows)]

    def _checked(self) -> dict[str, list[int]]:
        try:
            known: dict[str, list[int]] = json.loads(self._checked_path.read_bytes())
        except (OSError, ValueError):
            return {}
        return known

    def blank(self) -> int:
        """Overwrite erased rows of segments with blanks, in place; how many there were.

        A segment may be written meanwhile: its writer only appends.
        """
        found = (*self._layout.live.glob("ev-*.jsonl"), *self._layout.closed.glob("ev-*.jsonl"))
        return sum(self._blank(path) for path in found)

    def _blank(self, path: Path) -> int:
        erased = 0
        with path.open("r+b") as file:
            for start, line in list(_offsets(path.read_bytes())):
                if self._is_erased(line):
                    file.seek(start)
                    file.write(b" " * len(line))
                    erased += 1
        return erased

    def _is_erased(self, line: bytes) -> bool:
        if not any(b'"%s"' % column.encode() in line for column in COLUMNS):
            return False
        try:
            row = json.loads(line)
        except ValueError:
            return True  # a torn line, of which nothing else would be made
        return isinstance(row, dict) and self.drops(row)


def _offsets(content: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for line in content.split(b"\n"):
        yield start, line
        start += len(line) + 1
