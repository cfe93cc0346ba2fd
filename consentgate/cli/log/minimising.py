"""Owns how blocks of a foreign log are minimised, in this process or in several."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consentgate.formats.access_line import WRITERS
from consentgate.gates.foreign_columns import Site
from consentgate.gates.foreign_lines import Minimiser, Reading
from consentgate.log.foreign_files import Block, read_json
from consentgate.lookup.agents import Agents

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True)
class Plan:
    """What every process needs to know."""

    site: Site
    reading: Reading
    form: str = ""
    """A name of WRITERS; empty: the site log's own shape."""

    @property
    def header(self) -> str:
        """What stands before the first line."""
        return WRITERS[self.form].header if self.form else ""


@dataclass(frozen=True, slots=True)
class Done:
    """A block, minimised."""

    lines: bytes
    count: int
    """Lines read."""
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
            return self._work(block)
        finally:
            if was_on:
                gc.enable()

    def _work(self, block: Block) -> Done:
        dropped = self._minimiser.add_all(block.pieces)
        count = self._minimiser.count
        text, written = self._minimiser.text(self._write)
        return Done(text.encode("utf-8", "replace"), count, written, dropped, block.read_bytes)


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
    return _workers[0].work(block)
