"""Owns a thread beside the requests, which works for one object as long as anybody holds it.

Never knows what is done in it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from consentgate.log.writing.after_fork import watch

Owner = TypeVar("Owner")


class Beside(Generic[Owner]):
    """A thread that takes turns for its owner; it ends when the owner is gone or says so."""

    def __init__(self, name: str, owner: Owner, turn: Callable[[Owner], float]) -> None:
        """Prepare; no thread runs before ``start``.

        Args:
            name: of the thread.
            owner: whom it works for; it is not kept alive.
            turn: works once; gives how many seconds to wait before the next time. Never raises.
        """
        self._name = name
        self._owner = weakref.ref(owner)
        self._turn = turn
        self.forget_parent()
        watch(self)

    def forget_parent(self) -> None:
        """Begin anew in a child that was just forked: its parent's thread is not its own."""
        self.thread: threading.Thread | None = None
        """The thread, once it was started."""
        self._starting = threading.Lock()
        self._over = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether the owner said that it ends."""
        return self._over.is_set()

    def start(self) -> None:
        """Start the thread, unless it runs or is over."""
        with self._starting:
            if self.thread is None and not self._over.is_set():
                self.thread = threading.Thread(
                    target=_take_turns,
                    args=(self._owner, self._turn, self._over),
                    name=self._name,
                    daemon=True,
                )
                self.thread.start()

    def close(self) -> None:
        """Have the thread end after this turn."""
        self._over.set()


def _take_turns(
    owner: weakref.ref[Owner], turn: Callable[[Owner], float], over: threading.Event
) -> None:
    while (one := owner()) is not None and not over.is_set():
        pause = turn(one)
        del one
        over.wait(pause)
