"""Owns what a fork must not carry along: open SQLite connections.

SQLite keeps account of its file locks in memory, and a fork copies the account but not the locks:
a child that opens the same file then believes itself protected, and its commits can be lost when
the parent closes (sqlite.org/howtocorrupt.html, section 2.6). So every connection is closed
before a fork, and both sides open their own when they next need one.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol


class Keeper(Protocol):
    """Something that keeps a connection open between two uses."""

    def let_go(self) -> None:
        """Close it; called only while it is not in use."""
        ...


_in_use = threading.Lock()
_keepers: weakref.WeakSet[Keeper] = weakref.WeakSet()


@contextlib.contextmanager
def in_use() -> Iterator[None]:
    """Use a connection; a fork waits until the block is left."""
    with _in_use:
        yield


def watch(keeper: Keeper) -> None:
    """Have a keeper let go before every fork of this process, for as long as it lives."""
    _keepers.add(keeper)


def _before() -> None:
    _in_use.acquire()
    for keeper in list(_keepers):
        keeper.let_go()


def _after() -> None:
    _in_use.release()


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
