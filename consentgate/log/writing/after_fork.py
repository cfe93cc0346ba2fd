"""Owns what a forked child must not carry along: what its parent has yet to write, and locks.

A server may open the gate and fork its workers afterwards. Counts and lines that wait in memory
are then the parent's, and a lock that another thread held at that moment would be held for ever.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Keeper(Protocol):
    """Something that keeps what it has yet to write."""

    def forget_parent(self) -> None:
        """Begin anew, in a child that was just forked."""
        ...


_keepers: weakref.WeakSet[Keeper] = weakref.WeakSet()


def watch(keeper: Keeper) -> None:
    """Have a keeper begin anew in every forked child, for as long as it lives."""
    _keepers.add(keeper)


def _in_child() -> None:
    for keeper in list(_keepers):
        keeper.forget_parent()


os.register_at_fork(after_in_child=_in_child)
