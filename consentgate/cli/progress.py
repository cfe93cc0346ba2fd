"""Owns what is said on standard error while long work goes on."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_TERMINAL_SECONDS = 0.5
_FILE_SECONDS = 30.0


class Progress:
    """Says how far the work is: often on a terminal, rarely in a file."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._pause = _TERMINAL_SECONDS if self._is_terminal else _FILE_SECONDS
        self._began = self._told = time.monotonic()
        self._name = ""
        self._size = 0
        self._is_open = False

    def begin(self, name: str) -> None:
        """Turn to another source."""
        self._name = name
        path = Path(name)
        self._size = path.stat().st_size if path.is_file() else 0

    def tell(self, read_bytes: int, lines: int) -> None:
        """Say how far it is, if it is time."""
        now = time.monotonic()
        if self._is_quiet or now - self._told < self._pause:
            return
        self._told = now
        share = f", {min(100, read_bytes * 100 // self._size)} % of it" if self._size else ""
        speed = int(lines / max(now - self._began, 0.001))
        text = f"{self._name}{share}: {lines:,} lines, {speed:,} a second"
        shown = f"\r{text}\x1b[K" if self._is_terminal else f"{text}\n"
        print(shown, file=sys.stderr, end="", flush=True)
        self._is_open = True

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._is_open and self._is_terminal:
            print("\r\x1b[K", file=sys.stderr, end="", flush=True)
