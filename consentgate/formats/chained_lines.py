"""Owns JSON lines of which each carries the hash of the one before; never knows what they say.

A line that is changed, moved or taken out from the middle shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

START = "0" * 64
"""What the first line says of the line before it."""


class BrokenChain(ValueError):
    """A line has been changed, or the one before it was taken out."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number}")
        self.number = number
        """Of the line, counted from one."""


def chained(entry: Mapping[str, Any], before: str) -> bytes:
    """Write an entry as the line behind the one of that hash."""
    line = {**entry, "before": before}
    line["hash"] = _hash(line)
    return json.dumps(line, ensure_ascii=True).encode() + b"\n"


def hash_in(line: bytes) -> str:
    """The hash that a line says of itself.

    Raises:
        ValueError: it says none.
    """
    try:
        return str(json.loads(line)["hash"])
    except (KeyError, TypeError) as error:
        raise ValueError("a line without a hash") from error


def read_chain(text: bytes) -> Iterator[dict[str, Any]]:
    """Every line, oldest first.

    Raises:
        BrokenChain: at the first that does not follow from the one before.
    """
    before = START
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line)
            is_whole = entry["before"] == before and entry["hash"] == _hash(entry)
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if not is_whole:
            raise BrokenChain(number)
        before = entry["hash"]
        yield entry


def _hash(entry: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
