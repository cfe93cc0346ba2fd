"""Owns what is said on standard output, and what happens when its reader has gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


def forget_standard_output() -> None:
    """Let the interpreter end without another attempt to write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def say_all(lines: Iterable[str]) -> int:
    """Print each line as it comes; work that makes the lines goes on when nobody reads them.

    Returns:
        How many lines there were.
    """
    count = 0
    for line in lines:
        count += 1
        try:
            print(line, flush=True)
        except BrokenPipeError:
            forget_standard_output()
    return count
