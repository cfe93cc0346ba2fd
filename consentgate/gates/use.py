"""Owns what an app did with a visitor's consent: the app's view writes it, the visit reads it."""

from __future__ import annotations


class Use:
    """What the app asked for and placed during one visit."""

    __slots__ = ("_has_asked", "_has_placed", "_needed")

    def __init__(self) -> None:
        self._has_asked = self._has_placed = False
        self._needed = ""

    @property
    def has_asked(self) -> bool:
        """Whether the answer may depend on the visitor: the app asked for consent."""
        return self._has_asked

    @property
    def has_placed(self) -> bool:
        """Whether the app puts the first layer into its page itself."""
        return self._has_placed

    @property
    def needed(self) -> str:
        """Purpose or service that the app asked for in vain with ``require``; empty: none."""
        return self._needed

    def ask(self) -> None:
        """Note that the app asked for consent."""
        self._has_asked = True

    def place(self) -> None:
        """Note that the app places the first layer itself."""
        self._has_asked = self._has_placed = True

    def need(self, key: str) -> None:
        """Note that a feature of the app needs a purpose or service that is denied."""
        self._needed = key
