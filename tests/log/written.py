"""What the site log holds on disk, read by no code of the package."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def rows_in(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    """Every JSON line of the files of that name."""
    for path in sorted(folder.rglob(pattern)):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def records_in(folder: Path) -> list[dict[str, Any]]:
    """Every access record that was written as a line."""
    return [row for row in rows_in(folder, "*.jsonl") if "tier" in row]


def sums_in(folder: Path, dimension: str) -> dict[str, int]:
    """Value to how often it was counted, over all days and workers."""
    sums: Counter[str] = Counter()
    for row in rows_in(folder, "*.counts"):
        if row.get("dim") == dimension:
            sums[row["val"]] += row["n"]
    return dict(sums)
