"""Owns how lines of a segment are read: whole records of the schema, and nothing else.

A line that was cut, or that somebody else wrote, is counted and named by file and line; its text
goes no further.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from consentgate.domain.record import FIELDS, NAMES, READ, SCHEMA, Kind, Tier, names_of
from consentgate.errors import LogError
from consentgate.gates.records.referrers import referrer_class
from consentgate.memo import remember

Row = dict[str, Any]

MOST_LINE_BYTES = 65_536
_MOST_NAMED = 20
_MOST_TEXT = 1_024
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:00Z")
_KINDS = {field.name: field.kind for field in FIELDS}
_NAMES_OF = {tier.value: names_of(tier) for tier in Tier}


@dataclass(slots=True)
class Found:
    """What was read, and what could not be."""

    rows: int = 0
    torn: int = 0
    """Last lines, or lines at which a disk was full, that were cut."""
    foreign: int = 0
    """Lines that are no record of this schema."""
    places: list[str] = field(default_factory=list)
    """The first of them: ``closed/ev-….jsonl:17``."""

    def add(self, other: Found) -> None:
        """Add what was found elsewhere."""
        self.rows += other.rows
        self.torn += other.torn
        self.foreign += other.foreign
        self.places = [*self.places, *other.places][:_MOST_NAMED]

    def count_record(self) -> None:
        """Count one record."""
        self.rows += 1

    def count_foreign(self, path: Path, number: int) -> None:
        """Count one line that is no record, and remember where it was."""
        self.foreign += 1
        self.name(path, number)

    def name(self, path: Path, number: int) -> None:
        """Remember where a line was that is not used."""
        if len(self.places) < _MOST_NAMED:
            self.places.append(f"{path.parent.name}/{path.name}:{number}")


def decoder() -> Callable[[bytes], Any]:
    """The fastest reader of one JSON line that is installed; raises ValueError."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


_decode = decoder()


def rows_of(path: Path, found: Found) -> Iterator[Row]:
    """Every record of a segment.

    Args:
        path: the segment.
        found: gets the counts, and the places of lines that are no records.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        for number, line, is_whole in numbered_lines(file):
            if line is None:
                found.count_foreign(path, number)
                continue
            if not line.strip():
                continue  # an erased record leaves blanks
            row = _row_of(line)
            if row is not None:
                found.count_record()
                yield row
            elif number == 1 and b'"schema"' in line:
                continue
            elif not is_whole or _is_cut(line):
                found.torn += 1
                found.name(path, number)
            else:
                found.count_foreign(path, number)


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None, bool]]:
    """Each line with its number and whether it ended; None for one that is too long."""
    number = 0
    while line := file.readline(MOST_LINE_BYTES):
        number += 1
        if line.endswith(b"\n"):
            yield number, line, True
        elif len(line) < MOST_LINE_BYTES:
            yield number, line, False
        else:
            while (rest := file.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None, True


def _is_cut(line: bytes) -> bool:
    """Whether it is the beginning of one of our lines, at which a disk was full."""
    text = line.rstrip(b"\n")
    begins = text.startswith(_HEADS) or any(head.startswith(text) for head in _HEADS)
    return begins and not _is_whole(line)


_HEADS = (b'{"ts":"', b'{"schema":"')


def _is_whole(line: bytes) -> bool:
    try:
        _decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def check_schema(path: Path) -> None:
    """See that a segment can be read and is of this schema.

    Raises:
        LogError: it has another schema, or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(MOST_LINE_BYTES)
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        schema = _decode(line)["schema"]
    except (ValueError, KeyError, TypeError):
        return  # no header: every line speaks for itself
    if schema not in READ:
        raise LogError(
            f'{path}:1: schema {str(schema)[:20]!r}: this version reads "{SCHEMA}"; compact it '
            "with the version that wrote it, or a newer one"
        )


def _row_of(line: bytes) -> Row | None:
    try:
        row = _decode(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    row = upgraded(row)
    return row if is_record(row) else None


def upgraded(row: Row) -> Row:
    """A row of an older schema as one of today's; today's as it is.

    In ``cg1`` the moment was as short as its grain, and ``ref`` was a class or a host.
    """
    ts = row.get("ts")
    if not isinstance(ts, str) or "grain" in row:
        return row
    is_hour = ":" not in ts
    row = {**row, "ts": _OLD_TIME.sub(_whole_time, ts), "grain": "hour" if is_hour else "minute"}
    said = row.pop("ref", None)
    if isinstance(said, str) and said in _REFERRER_CLASSES:
        row["ref_class"] = said
    elif isinstance(said, str):
        row.update(ref_class=referrer_class(said, ""), ref_host=said)
    return row


_OLD_TIME = re.compile(r"(?<=T)(\d\d)(:\d\d)?(?=Z$)")
_REFERRER_CLASSES = ("none", "internal", "search", "social", "ai", "external")


def _whole_time(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ':00'}:00"


def is_record(row: Mapping[str, Any]) -> bool:
    """Whether it is a record of this schema that holds no more than its tier may."""
    allowed = _NAMES_OF.get(str(row.get("tier")))
    if allowed is None or not row.keys() <= allowed or not day_of(row.get("ts")):
        return False
    return all(_fits(_KINDS[name], value) for name, value in row.items())


def _fits(kind: Kind, value: object) -> bool:
    if kind is Kind.TEXT:
        return _is_text(value)
    if kind is Kind.NUMBER:
        return type(value) is int and -(2**63) <= value < 2**63
    if kind is Kind.FLAG:
        return isinstance(value, bool)
    if kind is Kind.LIST:
        return isinstance(value, list) and all(map(_is_text, value))
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_TEXT


def day_of(ts: object) -> str:
    """The date of a time stamp such as ``2026-11-24T14:00:00Z``; empty where it is none."""
    return _day_of(ts) if isinstance(ts, str) and len(ts) <= 20 else ""


@remember(4_096)
def _day_of(ts: str) -> str:
    found = _TIME.fullmatch(ts)
    try:
        return str(dt.date.fromisoformat(found[1])) if found is not None else ""
    except ValueError:
        return ""


def in_order(row: Row) -> Row:
    """The same record with its fields in the order of the table: the same facts, the same bytes."""
    return {name: row[name] for name in NAMES if name in row}
