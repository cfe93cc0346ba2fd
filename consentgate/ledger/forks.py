"""Owns what a fork must not carry along: open connections to a store.

SQLite keeps account of its file locks in memory, and a fork copies the account but not the locks:
a child that opens the same file then believes itself protected, and its commits can be lost when
the parent closes (sqlite.org/howtocorrupt.html, section 2.6). A connection to a server would be
written to by both sides. So every connection is closed before a fork, and both sides open their
own when they next need one.
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


class _Users:
    """How many use a connection at this moment; a fork waits for the last of them."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.count = 0
        self.is_fork_near = False


_users = _Users()
_keepers: weakref.WeakSet[Keeper] = weakref.WeakSet()


@contextlib.contextmanager
def in_use() -> Iterator[None]:
    """Use a connection; a fork waits until the block is left. Never used within itself."""
    with _users.changed:
        while _users.is_fork_near:
            _users.changed.wait()
        _users.count += 1
    try:
        yield
    finally:
        with _users.changed:
            _users.count -= 1
            _users.changed.notify_all()


def watch(keeper: Keeper) -> None:
    """Have a keeper let go before every fork of this process, for as long as it lives."""
    _keepers.add(keeper)


def _before() -> None:
    _users.changed.acquire()
    while _users.is_fork_near:  # of another thread
        _users.changed.wait()
    _users.is_fork_near = True
    while _users.count:
        _users.changed.wait()
    for keeper in list(_keepers):
        keeper.let_go()


def _after() -> None:
    _users.is_fork_near = False
    _users.changed.notify_all()
    _users.changed.release()


def _after_in_child() -> None:
    global _users
    _users = _Users()  # the threads that waited were not forked along


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
