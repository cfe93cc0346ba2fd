"""Owns for how long anything of the log is kept, and its removal: summed up first, then deleted.

The other order loses the sums when the job is broken off. Every step may be the last: the next
run makes the same sums of the same rows, and goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError
from consentgate.log.keeping.compaction import Compaction
from consentgate.log.keeping.day_files import best_format, format_of, keep_rows, strip_column, whole
from consentgate.log.keeping.merging import finish_merge, merge_day
from consentgate.log.keeping.rollups import count_visitors, roll_up
from consentgate.log.keeping.segment_lines import Row
from consentgate.log.keeping.sessions import keep_sessions
from consentgate.log.naming.subject_keys import Subjects
from consentgate.log.writing.layout import FOLDER_MODE, Layout, held, settle, write_durably

EFF_DNT_DAYS = 10
"""EFF DNT policy 1.0, 2.a: longest that anything of a visitor with DNT is kept."""
GONE = ".gone-"


@dataclass(frozen=True, slots=True)
class Limits:
    """The first day of which something is kept, by what it is: ``2026-11-24``; today counts."""

    rows: str
    sums: str
    visitors: str
    dnt: str
    """Empty where the policy attests nothing about DNT."""
    words: dict[str, str]
    """Why, by the same names: the setting and its number."""
    most_bytes: int = 0
    """That rows may take; 0: no limit."""

    @classmethod
    def of(cls, policy: Policy, today: dt.date) -> Limits:
        """What a policy allows on a day."""
        settings = policy.log

        def back(days: int) -> str:
            return str(today - dt.timedelta(days=days - 1))

        return cls(
            rows=back(settings.event_retention_days),
            sums=back(settings.count_retention_days),
            visitors=back(settings.visitor_ttl_days),
            most_bytes=settings.max_megabytes * 1_000_000,
            dnt=back(EFF_DNT_DAYS) if policy.site.eff_dnt_policy else "",
            words={
                "rows": f"event_retention_days = {settings.event_retention_days}",
                "sums": f"count_retention_days = {settings.count_retention_days}",
                "visitors": f"visitor_ttl_days = {settings.visitor_ttl_days}",
                "size": f"max_megabytes = {settings.max_megabytes}",
                "dnt": f"[site] eff_dnt_policy: {EFF_DNT_DAYS} days",
            },
        )


def prune(layout: Layout, limits: Limits, *, is_dry: bool = False) -> Iterator[str]:
    """Remove what is too old; say each thing that was, or would be, removed and why.

    Args:
        layout: of the site log.
        limits: what the policy allows today.
        is_dry: change nothing.

    Raises:
        LogError: a file cannot be read, written or removed.
    """
    try:
        if is_dry:
            yield from Pruning(layout, limits).plan()
            return
        layout.prepare()
        with held(layout.state / "lock"):
            yield from Pruning(layout, limits).run()
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


class Pruning:
    """One run; the lock is held by whoever makes it."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self._layout = layout
        self._limits = limits

    def plan(self) -> Iterator[str]:
        """What a run would do to what is compacted by now."""
        words = self._limits.words
        for day, folder in self._layout.days(self._layout.events):
            name = f"events/day={day}"
            if day < self._limits.rows:
                yield f"{name}: would be summed up and deleted ({words['rows']})"
                continue
            if day < self._limits.visitors and has_visitors(folder):
                yield f"{name}: visitors would be counted, then left out ({words['visitors']})"
            count = self._dnt_in(day, folder)
            if count:
                yield f"{name}: {count} rows with DNT would be deleted ({words['dnt']})"
        for day, _ in over_size(self._layout, self._limits):
            yield f"events/day={day}: would be summed up and deleted ({words['size']})"
        for day, _ in self._layout.days(self._layout.counts):
            if day < self._limits.sums:
                yield f"counts/day={day}: would be deleted ({words['sums']})"

    def run(self) -> Iterator[str]:
        """Compact, then remove."""
        finish_merge(self._layout)
        compaction = Compaction(self._layout, best_format())
        compaction.run()
        yield from compaction.done.refused
        for path in self._layout.events.glob(f"{GONE}*"):
            shutil.rmtree(path)
        for day, folder in self._layout.days(self._layout.events):
            yield from self._prune_rows(day, folder)
        for day, folder in over_size(self._layout, self._limits):
            yield from self._take_away(day, folder, self._limits.words["size"])
        for day, folder in self._layout.days(self._layout.counts):
            if day < self._limits.sums:
                shutil.rmtree(folder)
                yield f"counts/day={day}: deleted ({self._limits.words['sums']})"
            elif day < self._limits.visitors:
                merge_day(self._layout, folder)
        self._prune_manifest()
        yield from self._prune_keys(compaction)

    def _prune_rows(self, day: str, folder: Path) -> Iterator[str]:
        words = self._limits.words
        parts = parts_in(folder)
        if day < self._limits.visitors and has_visitors(folder):
            keep_sessions(day, parts, self._sums_of(day))
            count = count_visitors(day, parts, self._sums_of(day))
            if day >= self._limits.rows:
                for path in parts:
                    strip_column(path, "visitor")
            yield f"events/day={day}: {count} visitors counted, then left out ({words['visitors']})"
        if day < self._limits.rows:
            yield from self._take_away(day, folder, words["rows"])
        elif count := self._dnt_in(day, folder):
            for path in parts:
                keep_rows(path, is_without_dnt)
            yield f"events/day={day}: {count} rows with DNT deleted ({words['dnt']})"

    def _take_away(self, day: str, folder: Path, why: str) -> Iterator[str]:
        """Sum up a day's rows, then delete them."""
        parts = parts_in(folder)
        if has_visitors(folder):
            keep_sessions(day, parts, self._sums_of(day))
            count_visitors(day, parts, self._sums_of(day))
        roll_up(day, parts, self._sums_of(day))
        gone = folder.with_name(f"{GONE}{folder.name}")
        folder.rename(gone)
        settle(folder.parent)
        shutil.rmtree(gone)
        yield f"events/day={day}: {len(parts)} parts summed up and deleted ({why})"

    def _dnt_in(self, day: str, folder: Path) -> int:
        """How many rows with DNT a day has that the policy's attestation rules out."""
        if not self._limits.dnt or day >= self._limits.dnt:
            return 0
        return sum(map(count_dnt, parts_in(folder)))

    def _sums_of(self, day: str) -> Path:
        folder = self._layout.counts / f"day={day}"
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        settle(folder.parent)
        return folder

    def _prune_manifest(self) -> None:
        if not self._layout.manifest.exists():
            return
        lines = self._layout.manifest.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line).get("at", "") >= self._limits.sums]
        if len(kept) < len(lines):
            write_durably(self._layout.manifest, b"".join(kept))

    def _prune_keys(self, compaction: Compaction) -> Iterator[str]:
        """Forget erased names and keys of which no row can be left."""
        words = self._limits.words["rows"]
        gone = compaction.tombstones.forget_before(self._limits.rows)
        if gone:
            yield f"state/tombstones.jsonl: {gone} erasures forgotten ({words})"
        before = dt.datetime.fromisoformat(f"{self._limits.rows}T00:00:00+00:00").timestamp()
        count = sum(1 for _ in Subjects(self._layout.subjects).forget_unused(before))
        if count:
            yield f"state/subjects: {count} unused keys deleted ({words})"


def over_size(layout: Layout, limits: Limits) -> list[tuple[str, Path]]:
    """The oldest days whose rows are too much, so that the rest is small enough; never today's."""
    days = [
        (day, folder, sum(path.stat().st_size for path in parts_in(folder)))
        for day, folder in layout.days(layout.events)
        if day >= limits.rows
    ]
    excess = sum(size for *_, size in days) - limits.most_bytes
    found: list[tuple[str, Path]] = []
    for day, folder, size in days[:-1] if limits.most_bytes else ():
        if excess <= 0:
            break
        excess -= size
        found.append((day, folder))
    return found


def parts_in(folder: Path) -> list[Path]:
    """The parts of a day."""
    return [path for path in sorted(folder.glob("part-*")) if not path.name.endswith(".tmp")]


def has_visitors(folder: Path) -> bool:
    """Whether a row of a day still names its visitor."""
    for path in parts_in(folder):
        with whole(path):
            if format_of(path).distinct(path, "visitor"):
                return True
    return False


def is_without_dnt(row: Row) -> bool:
    """Whether its visitor did not send DNT."""
    return "dnt" not in row.get("sig", ())


def count_dnt(path: Path) -> int:
    """How many rows of a part come from visitors with DNT."""
    with whole(path):
        return sum(1 for row in format_of(path).read(path) if not is_without_dnt(row))
