"""Owns what happens when the reader of our output has gone."""

from __future__ import annotations

import os
import sys


def forget_standard_output() -> None:
    """Let the interpreter end without another attempt to write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
