"""Owns which of many texts stand in another one, found by its words instead of one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[a-z]{3,}")
_START = 3
_COMMON = frozenset(
    ["mozilla", "chrome", "safari", "firefox", "version", "mobile", "android", "windows", "linux"]
)
"""Words of most browsers: a text is looked for by another word of it, if it has one."""
_NONE: dict[str, list[str]] = {}
_MOST_REMEMBERED = 8_192
_LONGEST_REMEMBERED = 64


def _tells(word: str) -> tuple[bool, int]:
    return word not in _COMMON, len(word)


class Literals:
    """Many texts; each is looked for only where a telling word of it stands.

    A text can stand in another one only if each of its words stands inside a word of the other.
    Agents share their words, so that most are known from earlier ones.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Sort the texts, lower case, by their longest words."""
        self._wordless: list[str] = []
        self._starts: dict[str, dict[str, list[str]]] = {}
        """Beginning of a telling word to the word to its texts."""
        for text in texts:
            words = _WORD.findall(text)
            if len(words) > 1:
                words.sort(key=_tells)
            word = words[-1] if words else ""
            if word:
                self._starts.setdefault(word[:_START], {}).setdefault(word, []).append(text)
            else:
                self._wordless.append(text)
        self._idle: set[str] = set()
        """Words that no text's word stands in."""
        self._known: dict[str, tuple[str, ...]] = {}

    def standing_in(self, low: str) -> set[str]:
        """The texts that stand in a lower-case one."""
        standing = set()
        for text in self._wordless:
            if text in low:
                standing.add(text)
        words = _WORD.findall(low)
        if self._idle.issuperset(words):
            return standing
        for word in words:
            if word not in self._idle:
                for text in self._of(word):
                    if text in low:
                        standing.add(text)
        return standing

    def _of(self, word: str) -> tuple[str, ...]:
        """The texts that may stand where that word does."""
        known = self._known.get(word)
        if known is None:
            known = tuple(text for inner in self._within(word) for text in inner)
            if len(word) <= _LONGEST_REMEMBERED:
                self._remember(word, known)
        return known

    def _within(self, word: str) -> Iterable[list[str]]:
        """The texts of each telling word that stands in it."""
        found: dict[str, list[str]] = {}
        for at in range(len(word) - _START + 1):
            for inner, texts in self._starts.get(word[at : at + _START], _NONE).items():
                if word.startswith(inner, at):
                    found[inner] = texts
        return found.values()

    def _remember(self, word: str, texts: tuple[str, ...]) -> None:
        if texts:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[word] = texts
        else:
            if len(self._idle) >= _MOST_REMEMBERED:
                self._idle.clear()
            self._idle.add(word)
