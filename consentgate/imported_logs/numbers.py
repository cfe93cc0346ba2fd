"""Owns what status, size and duration of a foreign line become, remembered text by text."""

from __future__ import annotations

from operator import itemgetter

from consentgate.domain.record import two_digits
from consentgate.formats.access_logs.combined import numbers_of_cell
from consentgate.formats.access_logs.imported import UNKNOWN
from consentgate.imported_logs.columns import MOST_REMEMBERED, Fragment, Remembered

FOUND = frozenset(("200", "201", "202", "203", "206", "304"))
"""Answers that show a page; a redirect would count the visit twice."""
_MOST_CELLS = 4_096
_HEAD_CHARS = len(" 200 23")
_head_of = itemgetter(slice(0, _HEAD_CHARS))
_rest_of = itemgetter(slice(_HEAD_CHARS, None))


class Numbers(Remembered[tuple[str, str, int], Fragment]):
    """Status, rounded size and microseconds to their fragment; whether the answer shows a page."""

    def __init__(self) -> None:
        super().__init__(_numbers)


class Cells(dict[str, Fragment]):
    """A bounded table of cells with status and size, as they stand in a combined line."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers
        self._heads: dict[tuple[str, int], Fragment] = {}
        """The same by the beginning of a cell and its length, which say what is kept of it."""

    def column(self, cells: list[str]) -> list[Fragment]:
        """Read the cells of many lines.

        Raises:
            ValueError: one holds no numbers.
        """
        if len(self) >= _MOST_CELLS:  # sizes hardly come again
            heads = zip(map(_head_of, cells), map(len, cells), strict=True)
            found = list(map(self._heads.get, heads))
            if _are_digits(list(map(_rest_of, cells))):
                return [one or self[cell] for one, cell in zip(found, cells, strict=True)]
        return list(map(self.__getitem__, cells))

    def __missing__(self, cell: str) -> Fragment:
        value = self._numbers[(*numbers_of_cell(cell), UNKNOWN)]
        if len(cell) == _HEAD_CHARS or cell[5] != "0":  # a nought in front is none of the digits
            if len(self._heads) >= MOST_REMEMBERED:
                self._heads.clear()
            self._heads[cell[:_HEAD_CHARS], len(cell)] = value
        if len(self) < _MOST_CELLS:
            self[cell] = value
        return value


def _are_digits(rests: list[str]) -> bool:
    """Whether what follows the beginnings is nothing, or digits with one blank at the end."""
    text = '"'.join(rests) + '"'
    ended = text.count(' "')
    if ended != len(rests) - rests.count("") or ended != text.count(" "):
        return False
    digits = text.replace(' "', "").replace('"', "")
    return not digits or (digits.isdecimal() and digits.isascii())


def _numbers(key: tuple[str, str, int]) -> Fragment:
    status, size, microseconds = key
    duration = f',"dur_us":{two_digits(microseconds)}' if microseconds >= 0 else ""
    return Fragment(f'"status":{int(status)},"bytes":{size}{duration}', status in FOUND)
