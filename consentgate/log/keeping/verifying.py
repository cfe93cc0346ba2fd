"""Owns the proof that the log is what the policy says: nothing older, nothing open, nothing torn.

Changes nothing and trusts no name alone: every part is read whole. For cron and CI.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.record import SCHEMA
from consentgate.errors import LogError
from consentgate.log.counts.counter_file import date_of
from consentgate.log.keeping.day_files import format_of
from consentgate.log.keeping.retention import GONE, Limits, is_without_dnt
from consentgate.log.keeping.segment_lines import Found, check_schema, day_of, is_record, rows_of
from consentgate.log.writing.layout import Layout, mode_of, started_at

_OTHERS = 0o007
_OTHERS_OR_WRITING_GROUP = 0o027
_ALL_BUT_OWNER = 0o077


def verify(layout: Layout, limits: Limits) -> Iterator[str]:
    """Say everything that is not as the policy allows: a sentence each, with its file.

    Args:
        layout: of the site log.
        limits: what the policy allows today.

    Raises:
        LogError: there is no site log.
    """
    if not layout.root.is_dir():
        raise LogError(f"{layout.root}: no site log is there yet; is the path right?")
    for told in (
        _modes(layout),
        _unfinished(layout),
        _segments(layout, limits),
        _parts(layout, limits),
        _sums(layout, limits),
    ):
        yield from told


def _name(layout: Layout, path: Path) -> str:
    return str(path.relative_to(layout.root)) if path != layout.root else str(path)


def _modes(layout: Layout) -> Iterator[str]:
    """LOG-09: the owner writes, the group reads, others see nothing; keys are the owner's."""
    for path in (layout.root, *sorted(layout.root.rglob("*"))):
        try:
            mode = mode_of(path)
        except FileNotFoundError:
            continue  # a worker closed it meanwhile
        is_secret = path == layout.state or layout.state in path.parents
        too_much = mode & (_ALL_BUT_OWNER if is_secret else _OTHERS_OR_WRITING_GROUP)
        if too_much:
            allowed = ("0700", "0600") if is_secret else ("0750", "0640")
            expected = allowed[path.is_file()]
            yield f"{_name(layout, path)}: mode {mode:04o}; expected {expected}: chmod {expected}"


def _unfinished(layout: Layout) -> Iterator[str]:
    """What an interrupted job left, which the next one finishes."""
    for name in ("compacting.json", "merging.json"):
        if (layout.state / name).exists():
            yield f"state/{name}: a job was broken off; consentgate log compact finishes it"
    for path in (*layout.root.rglob("*.tmp"), *layout.events.glob(f"{GONE}*")):
        yield f"{_name(layout, path)}: left by a job that was broken off; run it again"


def _segments(layout: Layout, limits: Limits) -> Iterator[str]:
    for folder in (layout.closed, layout.live):
        for path in sorted(folder.glob("ev-*.jsonl")):
            yield from _segment(layout, limits, path)


def _segment(layout: Layout, limits: Limits, path: Path) -> Iterator[str]:
    name, found = _name(layout, path), Found()
    try:
        check_schema(path)
        days = {day_of(row["ts"]) for row in rows_of(path, found)}
    except LogError as error:
        yield str(error)
        return
    except FileNotFoundError:
        return  # a worker closed it meanwhile
    oldest = min(days, default=date_of(started_at(path) // DAY_SECONDS))
    if oldest < limits.rows:
        yield f"{name}: rows of {oldest} ({limits.words['rows']}); run consentgate log prune"
    elif oldest < limits.visitors:
        yield f"{name}: not compacted since {oldest}; run consentgate log compact, from cron"
    if found.torn or found.foreign:
        yield f"{name}: {found.torn} torn and {found.foreign} foreign lines: {found.places[0]}"


def _parts(layout: Layout, limits: Limits) -> Iterator[str]:
    words = limits.words
    for day, path in layout.parts():
        name = _name(layout, path)
        if day < limits.rows:
            yield f"{name}: older than allowed ({words['rows']}); run consentgate log prune"
            continue
        wrong = visitors = signals = 0
        try:
            for row in format_of(path).read(path):
                wrong += not is_record(row) or day_of(row["ts"]) != day
                visitors += "visitor" in row
                signals += not is_without_dnt(row)
        except LogError as error:
            yield str(error)
            continue
        except (OSError, EOFError, ValueError, zlib.error) as error:
            yield f"{name}: cannot be read whole ({type(error).__name__}); restore it or delete it"
            continue
        if wrong:
            yield f"{name}: {wrong} rows that are no {SCHEMA} records of {day}"
        if visitors and day < limits.visitors:
            yield f"{name}: {visitors} rows name a visitor ({words['visitors']}); run prune"
        if signals and limits.dnt and day < limits.dnt:
            yield f"{name}: {signals} rows of visitors with DNT ({words['dnt']}); run prune"


def _sums(layout: Layout, limits: Limits) -> Iterator[str]:
    for day, path in layout.days(layout.counts):
        if day < limits.sums:
            yield f"{_name(layout, path)}: older than allowed ({limits.words['sums']}); run prune"
