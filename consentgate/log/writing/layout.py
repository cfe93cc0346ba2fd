"""Owns where everything of the site log lies: folders, names and modes, in one place.

::

    live/ev-<host>-<pid>-<start>.jsonl            being written, one a process
    closed/                                       waiting to be compacted
    events/day=2026-11-24/part-<hash>.parquet     or .jsonl.gz, where pyarrow is not installed
    counts/day=2026-11-24/                        sums, kept after the rows are gone
    state/                                        keys and the state of compaction, mode 0700
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consentgate.errors import LogError

FOLDER_MODE = 0o750
FILE_MODE = 0o640
SECRET_FOLDER_MODE = 0o700
SECRET_FILE_MODE = 0o600
SEGMENT_PATTERN = "ev-*.jsonl"
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one site log."""

    root: Path

    @classmethod
    def of(cls, directory: str | Path) -> Layout:
        """The layout of a folder."""
        return cls(Path(directory))

    @property
    def state(self) -> Path:
        """Keys and the state of compaction, for the owner alone."""
        return self.root / "state"

    @property
    def live(self) -> Path:
        """Segments that processes write."""
        return self.root / "live"

    @property
    def closed(self) -> Path:
        """Segments and sums that nobody writes any more."""
        return self.root / "closed"

    @property
    def events(self) -> Path:
        """Rows, a folder a day."""
        return self.root / "events"

    @property
    def counts(self) -> Path:
        """Sums, a folder a day."""
        return self.root / "counts"

    @property
    def subjects(self) -> Path:
        """Keys of visitors who agreed to be recognised across days."""
        return self.state / "subjects"

    @property
    def manifest(self) -> Path:
        """What each compaction made of what; never names a visitor."""
        return self.root / "manifest.jsonl"

    def prepare(self) -> None:
        """Make the folders that are missing.

        Raises:
            OSError: one cannot be made.
        """
        for folder in (self.root, self.live, self.closed, self.events, self.counts):
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.state.mkdir(mode=SECRET_FOLDER_MODE, exist_ok=True)

    def check(self) -> None:
        """See that there is a site log: a path that is wrong is not silently an empty log.

        Raises:
            LogError: there is none.
        """
        if not self.root.is_dir():
            raise LogError(f"{self.root}: no site log is there yet; is the path right?")
        self.prepare()

    def days(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """The day folders in ``events`` or ``counts``: date and path, oldest first."""
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                found = _DAY.fullmatch(path.name)
                if found is not None and path.is_dir():
                    yield found[1], path

    def parts(self) -> Iterator[tuple[str, Path]]:
        """Every part of ``events``: date and path."""
        for day, folder in self.days(self.events):
            for path in sorted(folder.glob("part-*")):
                if not path.name.endswith(".tmp"):
                    yield day, path


def segment_name(kind: str = "ev") -> str:
    """A name that no other process, host or moment gives."""
    host = re.sub(r"[^A-Za-z0-9.]+", "_", socket.gethostname())[:64] or "host"
    return f"{kind}-{host}-{os.getpid()}-{time.time_ns()}.jsonl"


def started_at(path: Path) -> int:
    """When a segment was begun, by its name: seconds since the epoch; 0 where it does not say."""
    found = re.search(r"-(\d{16,20})\.[a-z]+$", path.name)
    return int(found[1]) // 1_000_000_000 if found else 0


def write_durably(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Replace a file whole: after a crash or power loss it is the old one or the new one.

    Raises:
        OSError: it cannot be written; the old one is still there.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a file, mode 0600, made where it is missing; waits for its turn.

    Raises:
        OSError: the file cannot be made or locked.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, SECRET_FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # also where a forked child still has it open
        os.close(handle)


def settle(folder: Path) -> None:
    """Make renames and deletions in a folder survive power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def mode_of(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)
