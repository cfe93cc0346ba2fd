"""Owns how the many small files of a day's sums become one, when nothing more comes in.

Crash-safe: the intent says which files the new one replaces, and is written when it is whole.
"""

from __future__ import annotations

import json
from pathlib import Path

from consentgate.log.keeping.compaction import SUMS, read_sums, sum_lines, write_plain
from consentgate.log.keeping.rollups import mark_of
from consentgate.log.writing.layout import Layout, settle, write_durably


def merge_day(layout: Layout, folder: Path) -> None:
    """Replace the files of each kind of sums by one, where there are several.

    Raises:
        OSError: a file cannot be written; the next ``finish_merge`` goes on.
    """
    day = folder.name.removeprefix("day=")
    for kind in SUMS:
        sources = sorted(folder.glob(f"{kind}-*.jsonl"))
        if len(sources) < 2:
            continue
        target = folder / f"{kind}-{mark_of(sources)}.jsonl"
        write_plain(target, sum_lines(kind, read_sums(sources, kind), day))
        names = [str(path.relative_to(layout.root)) for path in (target, *sources)]
        write_durably(_intent(layout), json.dumps(names).encode(), 0o600)
        finish_merge(layout)


def finish_merge(layout: Layout) -> None:
    """Finish what was begun, here or before a crash."""
    intent = _intent(layout)
    if not intent.exists():
        return
    target, *sources = (layout.root / name for name in json.loads(intent.read_bytes()))
    temporary = target.with_name(f"{target.name}.tmp")
    if temporary.exists():
        temporary.replace(target)
    for path in sources:
        path.unlink(missing_ok=True)
    settle(target.parent)
    intent.unlink()
    settle(intent.parent)


def _intent(layout: Layout) -> Path:
    return layout.state / "merging.json"
