"""Owns events as lines of a table (CSV), safe to open in a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from consentgate.formats.proof.records import moment

COLUMNS = (
    "index",
    "number",
    "id",
    "time",
    "kind",
    "state",
    "purposes",
    "services",
    "method",
    "source",
    "signals",
    "told",
    "regime",
    "model",
    "language",
    "notice_hash",
    "policy_version",
    "expires",
    "site",
    "subject",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def csv_line(values: list[str]) -> str:
    """One line; what a spreadsheet would take for a formula begins with ``'`` (CWE-1236)."""
    return ",".join(map(_quoted, values)) + "\r\n"


def _quoted(value: str) -> str:
    safe = f"'{value}" if value.startswith(_FORMULA) else value
    if any(mark in safe for mark in ',"\r\n'):
        return '"' + safe.replace('"', '""') + '"'
    return safe


def event_line(index: int | None, number: int, event: Mapping[str, Any]) -> str:
    """One event; ``index``: of its leaf, None where the tree does not hold it yet."""
    times = {"time": moment(event["at_ms"]), "expires": moment(event["expires_ms"])}
    counted = {"index": "" if index is None else str(index), "number": str(number)}
    row = {**event, **times, **counted}
    return csv_line([_cell(row.get(column, "")) for column in COLUMNS])


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
