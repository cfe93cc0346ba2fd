"""What a test reads of a site log: the records of its segments, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def segments(folder: Path) -> list[Path]:
    """Every segment, live or closed, the oldest first."""
    found = [*folder.glob("closed/ev-*.jsonl"), *folder.glob("live/ev-*.jsonl")]
    return sorted(found, key=lambda path: path.name.rpartition("-")[2])


def records(folder: Path) -> list[dict[str, Any]]:
    """Every record of every segment, without the header lines."""
    lines = [line for path in segments(folder) for line in path.read_bytes().splitlines()[1:]]
    return [json.loads(line) for line in lines if line.strip()]  # blanks: an erased row
