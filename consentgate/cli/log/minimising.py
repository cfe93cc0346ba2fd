"""Owns how blocks of a foreign log are minimised, in this process or in several."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from consentgate.formats.access_logs.exports import WRITERS
from consentgate.imported_logs.columns import Site
from consentgate.imported_logs.files import Block, read_json
from consentgate.imported_logs.lines import Minimiser, Reading
from consentgate.lookup.agents import Agents

if TYPE_CHECKING:
    from concurrent.futures import Future

_PART_LINES = 2_048


class Plan(NamedTuple):
    """What every process needs to know."""

    site: Site
    reading: Reading
    form: str = ""
    """A name of WRITERS; empty: the site log's own shape."""

    @property
    def header(self) -> str:
        """What stands before the first line."""
        return WRITERS[self.form].header if self.form else ""


class Done(NamedTuple):
    """A block, minimised."""

    lines: Iterable[bytes]
    """In parts, each made when it is asked for."""
    read: int
    """How many lines."""
    written: int
    dropped: list[tuple[int, str]]
    """Number in the block, from 0, and why."""
    read_bytes: int


class Worker:
    """Minimises one block after the other, and remembers what texts become."""

    def __init__(self, plan: Plan) -> None:
        self._minimiser = Minimiser(plan.site, Agents(), read_json, plan.reading)
        self._write = WRITERS[plan.form].line if plan.form else None

    def work(self, block: Block) -> Done:
        """Minimise a block; its lines come out sorted."""
        was_on = gc.isenabled()
        gc.disable()  # a block makes a million short-lived strings and no cycle
        try:
            dropped = self._minimiser.add_all(block.pieces)
            read = self._minimiser.count
            lines, written = self._minimiser.lines(self._write)
            return Done(_parts(lines), read, written, dropped, block.read_bytes)
        finally:
            gc.freeze()  # what is remembered is no litter either
            if was_on:
                gc.enable()


def _parts(lines: list[str]) -> Iterator[bytes]:
    """Parts that the processor's own memory holds until they are written."""
    for start in range(0, len(lines), _PART_LINES):
        yield "".join(lines[start : start + _PART_LINES]).encode("utf-8", "replace")


def minimised(blocks: Iterator[Block], worker: Worker, plan: Plan, jobs: int) -> Iterator[Done]:
    """Minimise blocks, in their order."""
    if jobs == 1:
        yield from map(worker.work, blocks)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(plan,)) as pool:
        waiting: deque[Future[Done]] = deque()
        for block in blocks:
            waiting.append(pool.submit(_work, block))
            if len(waiting) > jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_workers: list[Worker] = []
"""This process's own, where it is one of several."""


def _begin(plan: Plan) -> None:
    _workers[:] = [Worker(plan)]


def _work(block: Block) -> Done:
    done = _workers[0].work(block)
    return done._replace(lines=list(done.lines))
