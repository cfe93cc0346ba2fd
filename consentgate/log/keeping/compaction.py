"""Owns how segments become parts: rows sorted by day, sums added up, sources gone.

Crash-safe: an intent names the sources before anything is made of them. Whoever comes next makes
the same parts of the same sources again, under the same names, or, where a source is already
gone, only takes the rest away. Nothing is lost and nothing is counted twice, wherever it stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consentgate.errors import LogError
from consentgate.log.counts import choices as choice_counts
from consentgate.log.counts import signals as signal_counts
from consentgate.log.counts import visits as visit_counts
from consentgate.log.counts.counter_file import take_away
from consentgate.log.keeping.day_files import Format, best_format, write_part
from consentgate.log.keeping.segment_lines import Found, check_schema, day_of, in_order, rows_of
from consentgate.log.keeping.tombstones import Tombstones
from consentgate.log.writing.layout import (
    FOLDER_MODE,
    Layout,
    held,
    segment_name,
    settle,
    write_durably,
)
from consentgate.log.writing.segment import encoder

MOST_BATCH_BYTES = 128 << 20
SUMS = {
    "visits": visit_counts.FILE_NAME,
    "signals": signal_counts.FILE_NAME,
    "consent": choice_counts.FILE_NAME,
}
"""Kind of sums to the file they are written to."""
SUM_LABELS = {
    "visits": ("dim", "val"),
    "signals": ("signal", "purpose"),
    "consent": ("act", "dim", "val"),
}
SUM_NUMBERS = {"visits": "n", "signals": "count", "consent": "n"}

Step = Callable[[str], None]
"""Told of each step that was just made."""


@dataclass(slots=True)
class Compacted:
    """What one compaction did."""

    segments: int = 0
    parts: list[str] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    erased: int = 0
    """Rows that a tombstone kept out, or drove out of a restored backup."""
    refused: list[str] = field(default_factory=list)
    """Files that were left where they are, and why."""


def _go_on(step: str) -> None:
    """Nobody watches."""


def compact(layout: Layout, *, form: Format | None = None, step: Step = _go_on) -> Compacted:
    """Make parts of every segment that nobody writes any more; several may be called at once.

    Args:
        layout: of the site log.
        form: of the parts; None takes the best that is installed.
        step: told of each step.

    Raises:
        LogError: the folder cannot be read or written.
    """
    try:
        layout.prepare()
        with held(layout.state / "lock"):
            return Compaction(layout, form or best_format(), step).run()
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


class Compaction:
    """One compaction; the lock is held by whoever makes it."""

    def __init__(self, layout: Layout, form: Format, step: Step = _go_on) -> None:
        self.done = Compacted()
        self.tombstones = Tombstones(layout)
        self._layout = layout
        self._form = form
        self._step = step
        self._intent = layout.state / "compacting.json"
        self._encode = encoder()

    def run(self) -> Compacted:
        """Finish what was interrupted, then compact all there is."""
        self.resume()
        self._adopt()
        self._take_sums()
        for sources in self._batches():
            self._begin(sources)
        self.done.erased += self.tombstones.apply()
        return self.done

    def resume(self) -> None:
        """Finish what an earlier compaction began."""
        if self._intent.exists():
            try:
                names = [str(name) for name in json.loads(self._intent.read_bytes())["sources"]]
            except (ValueError, KeyError, TypeError) as error:
                raise LogError(
                    f"{self._intent}: cannot be read; look into closed/ and manifest.jsonl for "
                    "what was compacted, then delete it"
                ) from error
            self._carry_out([self._layout.closed / Path(name).name for name in names])

    def _adopt(self) -> None:
        """Take over segments whose writer is gone: its lock went with it."""
        for path in sorted(self._layout.live.glob("ev-*.jsonl")):
            if is_abandoned(path):
                path.rename(self._layout.closed / path.name)
                self._step("adopted")
        for path in self._layout.live.glob(".ev-*.jsonl"):
            if is_abandoned(path):
                path.unlink(missing_ok=True)  # never named, so nothing was noted in it

    def _take_sums(self) -> None:
        for kind, name in SUMS.items():
            if take_away(self._layout.root / name, self._layout.closed / segment_name(kind)):
                self._step("sums taken")

    def _batches(self) -> Iterator[list[Path]]:
        """Sources in batches that fit in memory."""
        batch: list[Path] = []
        size = 0
        for path in sorted(self._layout.closed.glob("*.jsonl")):
            try:
                if path.name.partition("-")[0] not in ("ev", *SUMS):
                    raise LogError(f"{path}: is no segment; move it out of the site log")
                check_schema(path)
            except LogError as error:
                self.done.refused.append(str(error))
                continue
            batch.append(path)
            size += path.stat().st_size
            if size >= MOST_BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _begin(self, sources: Sequence[Path]) -> None:
        intent = json.dumps({"sources": [path.name for path in sources]})
        write_durably(self._intent, intent.encode(), 0o600)
        self._step("intent written")
        self._carry_out(sources)

    def _carry_out(self, sources: Sequence[Path]) -> None:
        if all(path.exists() for path in sources):
            self._make(sources)
        for path in sources:
            path.unlink(missing_ok=True)
            self._step("source removed")
        settle(self._layout.closed)
        self._intent.unlink()
        settle(self._intent.parent)
        self._step("intent removed")

    def _make(self, sources: Sequence[Path]) -> None:
        """Write all parts under temporary names, then name them."""
        names = "\n".join(sorted(path.name for path in sources))
        mark = hashlib.sha256(names.encode()).hexdigest()[:16]
        found = Found()
        made = [*self._make_parts(sources, mark, found), *self._make_sums(sources, mark)]
        for path in made:
            final = path.with_name(path.name.removesuffix(".tmp"))
            for other in path.parent.glob(f"{path.name.partition('.')[0]}.*"):
                if other not in (path, final):
                    other.unlink()  # the same rows, in the format of an interrupted attempt
            path.replace(final)
            settle(path.parent)
            self.done.parts.append(str(final.relative_to(self._layout.root)))
            self._step("part named")
        self._note(mark, len(sources), found)
        self.done.found.add(found)
        self._step("manifest written")

    def _make_parts(self, sources: Sequence[Path], mark: str, found: Found) -> Iterator[Path]:
        days: dict[str, list[bytes]] = {}
        for path in sources:
            if not path.name.startswith("ev-"):
                continue
            self.done.segments += 1
            for row in rows_of(path, found):
                if self.tombstones.drops(row):
                    self.done.erased += 1
                else:
                    days.setdefault(day_of(row["ts"]), []).append(self._encode(in_order(row)))
        for day, lines in sorted(days.items()):
            lines.sort()  # the order in which visits came is gone
            folder = self._folder(self._layout.events, day)
            yield write_part(folder, f"part-{mark}", lines, self._form)
            self._step("part written")

    def _make_sums(self, sources: Sequence[Path], mark: str) -> Iterator[Path]:
        for kind in SUMS:
            sums = read_sums([p for p in sources if p.name.startswith(f"{kind}-")], kind)
            for day in sorted({day for day, *_ in sums}):
                folder = self._folder(self._layout.counts, day)
                lines = sum_lines(kind, sums, day)
                yield write_plain(folder / f"{kind}-{mark}.jsonl", lines)
                self._step("sums written")

    @staticmethod
    def _folder(parent: Path, day: str) -> Path:
        folder = parent / f"day={day}"
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        settle(parent)
        return folder

    def _note(self, mark: str, sources: int, found: Found) -> None:
        """Add a line to the manifest, for people and for ``log verify``."""
        line = {
            "at": time.strftime("%Y-%m-%d", time.gmtime()),
            "part": mark,
            "sources": sources,
            "rows": found.rows,
            "torn": found.torn,
            "foreign": found.foreign,
        }
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with open(os.open(self._layout.manifest, flags, 0o640), "ab") as file:
            file.write(self._encode(line))
            file.flush()
            os.fsync(file.fileno())


def is_abandoned(path: Path) -> bool:
    """Whether the process that wrote a segment is gone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


Sums = Counter[tuple[str, ...]]
"""Day and labels to a number."""


def read_sums(paths: Sequence[Path], kind: str) -> Sums:
    """Add up the lines of files of sums; what is no such line is left out."""
    sums: Sums = Counter()
    for path in paths:
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                row = json.loads(line)
                labels = [str(row[label]) for label in SUM_LABELS[kind]]
                if day_of(f"{row['day']}T00:00:00Z"):
                    sums[(row["day"], *labels)] += int(row[SUM_NUMBERS[kind]])
    return sums


def sum_lines(kind: str, sums: Sums, day: str) -> bytes:
    """The sums of a day as lines, sorted."""
    names = ("day", *SUM_LABELS[kind])
    return b"".join(
        json.dumps({**dict(zip(names, key, strict=True)), SUM_NUMBERS[kind]: n}).encode() + b"\n"
        for key, n in sorted(sums.items())
        if key[0] == day
    )


def write_plain(path: Path, lines: bytes) -> Path:
    """Write lines under a temporary name, durably; whoever calls renames it."""
    temporary = path.with_name(f"{path.name}.tmp")
    write_durably(temporary, lines)
    return temporary
