"""Owns valgrind: has it count the instructions of marked loops in another process.

Never knows what the loops do. Outside of them the process runs without instrumentation, which is
some ten times faster.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("switch.c")
_SWITCH = "COUNTED_SWITCH"
"""Variable with the path of the compiled switch."""
_LABEL = re.compile(r"^desc: Trigger: Client Request: (.+)$", re.MULTILINE)
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


class CallgrindError(RuntimeError):
    """Nothing was counted; the text says why."""


def missing() -> str:
    """What stands in the way of counting, as one line; empty: nothing."""
    for program, package in (("valgrind", "valgrind"), ("cc", "gcc libc6-dev")):
        if shutil.which(program) is None:
            return f"{program} is not installed: apt-get install {package}"
    return ""


def counted(module: str, *arguments: str, is_of_one_thread: bool = False) -> dict[str, int]:
    """Run a module of Python under callgrind: instructions of what it marked, by label.

    Args:
        module: what runs.
        arguments: of its command line.
        is_of_one_thread: whether only the thread that marked is counted, instead of all.

    Raises:
        CallgrindError: a program is missing, or the module failed.
    """
    if fault := missing():
        raise CallgrindError(fault)
    with tempfile.TemporaryDirectory(prefix="instructions-") as name:
        folder = Path(name)
        switch = folder / "switch.so"
        _run(["cc", "-shared", "-fPIC", "-O2", "-o", str(switch), str(SOURCE)], dict(os.environ))
        command = [
            "valgrind",
            "--tool=callgrind",
            "--quiet",
            "--instr-atstart=no",
            f"--separate-threads={'yes' if is_of_one_thread else 'no'}",
            f"--callgrind-out-file={folder}/counts",
            sys.executable,
            "-m",
            module,
        ]
        _run([*command, *arguments], {**environment(folder), _SWITCH: str(switch)})
        return _counts(folder)


def environment(folder: Path) -> dict[str, str]:
    """Of a process that is measured: hashes never vary, and files go to a folder.

    Left out is what would have Python or the package do other work.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COV", "CONSENTGATE"))
    }
    ours = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    return {**kept, **ours}


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        raise CallgrindError(f"{command[0]} failed ({done.returncode}):\n{done.stderr[-4_000:]}")


def _counts(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.glob("counts.*"):
        text = path.read_text(encoding="utf-8", errors="replace")
        label, total = _LABEL.search(text), _TOTAL.search(text)
        if label is not None and total is not None:
            found[label[1]] = int(total[1])
    return found


def is_counted() -> bool:
    """Whether this is a process that ``counted`` runs."""
    return _SWITCH in os.environ


@contextmanager
def counting(label: str) -> Iterator[None]:
    """In the process that ``counted`` runs: count this block as ``label``."""
    switch = ctypes.CDLL(os.environ[_SWITCH])
    switch.begin()
    yield
    switch.end(label.encode())
