"""Owns which of many texts stand in another one, found by its words instead of one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from consentgate.memo import Memo, up_to

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
        self._texts_of = Memo(self._within, _MOST_REMEMBERED, is_small=up_to(_LONGEST_REMEMBERED))
        """Word to the texts that may stand where it does."""

    def standing_in(self, low: str) -> set[str]:
        """The texts that stand in a lower-case one."""
        standing = {text for text in self._wordless if text in low}
        candidates = chain.from_iterable(map(self._texts_of.__getitem__, _WORD.findall(low)))
        standing.update(text for text in candidates if text in low)
        return standing

    def _within(self, word: str) -> tuple[str, ...]:
        """The texts of each telling word that stands in it."""
        found: dict[str, list[str]] = {}
        for at in range(len(word) - _START + 1):
            for inner, texts in self._starts.get(word[at : at + _START], _NONE).items():
                if word.startswith(inner, at):
                    found[inner] = texts
        return tuple(chain.from_iterable(found.values()))
