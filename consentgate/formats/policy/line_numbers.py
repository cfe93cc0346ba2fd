"""Owns where a key stands in a TOML text: line numbers for faults found after parsing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")

Path = tuple[str | int, ...]


class Places:
    """Finds the line of a key path in valid TOML, or of its nearest parent."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        self._texts = text.splitlines()
        self._read()

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line number, from 1, of a key path such as ``("service", "shop", "cookies", 2)``."""
        known = tuple(path)
        while known and known not in self._lines:
            known = known[:-1]
        line = self._lines.get(known, 1)
        rest = tuple(path)[len(known) :]
        return self._inside(line, rest) if rest and isinstance(rest[0], int) else line

    def line_with(self, path: Sequence[str | int], word: str) -> int:
        """The first line from the key on that has the word in quotes; else the key's line."""
        start = self.line_of(path)
        for number in range(start, min(start + 400, len(self._texts) + 1)):
            text = self._texts[number - 1]
            if number > start and _TABLE.match(text):
                break
            if f'"{word}"' in text or f"'{word}'" in text:
                return number
        return start

    def _read(self) -> None:
        table: Path = ()
        counts: dict[Path, int] = {}
        for number, text in enumerate(self._texts, start=1):
            if found := _TABLE.match(text):
                table = _parts(found[2])
                if found[1] == "[[":
                    index = counts.get(table, 0)
                    counts[table] = index + 1
                    table = (*table, index)
                self._note(table, number)
            elif found := _KEY.match(text):
                self._note((*table, *_parts(found[1])), number)

    def _note(self, path: Path, number: int) -> None:
        for size in range(1, len(path) + 1):
            self._lines.setdefault(path[:size], number)

    def _inside(self, line: int, rest: Path) -> int:
        """Count the elements of an array that spans lines, one element a line."""
        first = self._texts[line - 1].partition("=")[2].strip() if self._texts else ""
        if first not in ("[", "[ #") and not first.startswith("[ #"):
            return line
        index = rest[0]
        seen = -1
        for number in range(line + 1, min(line + 2_000, len(self._texts) + 1)):
            text = self._texts[number - 1].strip()
            if not text or text.startswith("#"):
                continue
            if text.startswith("]"):
                break
            seen += 1
            if seen == index:
                return number
        return line


def _parts(dotted: str) -> Path:
    try:
        node = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    parts: list[str | int] = []
    while isinstance(node, dict) and node:
        key = next(iter(node))
        parts.append(key)
        node = node[key]
    return tuple(parts)
