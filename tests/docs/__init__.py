"""What the documentation says is tried as its reader would try it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"\A(?:#|//|<!--) ([\w./-]+\.\w+)(?: -->)?\n")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str

    @property
    def name(self) -> str:
        """The file that the block is, by its first line; empty: it is none."""
        found = _NAME.match(self.text)
        return found[1] if found is not None else ""


def blocks_of(page: str) -> list[Block]:
    """Every block of a page below ``docs/``."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [Block(*found) for found in _BLOCK.findall(text)]


def write_files(page: str, folder: Path) -> None:
    """Write the files of a page as its reader would."""
    for block in blocks_of(page):
        if block.name:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
