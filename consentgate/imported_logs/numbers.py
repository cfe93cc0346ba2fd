"""Owns what status, size and duration of a foreign line become, remembered text by text."""

from __future__ import annotations

from operator import itemgetter

from consentgate.domain.record import two_digits
from consentgate.formats.access_logs.combined import numbers_of_cell
from consentgate.formats.access_logs.imported import UNKNOWN
from consentgate.imported_logs.columns import MOST_REMEMBERED, Fragment
from consentgate.memo import Memo

FOUND = frozenset(("200", "201", "202", "203", "206", "304"))
"""Answers that show a page; a redirect would count the visit twice."""
_MOST_CELLS = 4_096
_HEAD_CHARS = len(" 200 23")
_head_of = itemgetter(slice(0, _HEAD_CHARS))
_rest_of = itemgetter(slice(_HEAD_CHARS, None))


class Numbers(Memo[tuple[str, str, int], Fragment]):
    """Status, rounded size and microseconds to their fragment; whether the answer shows a page."""

    def __init__(self) -> None:
        super().__init__(_numbers, MOST_REMEMBERED)


class Cells(Memo[str, Fragment]):
    """Cells with status and size to their fragment, as they stand in a combined line."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__(self._of_cell, 2 * _MOST_CELLS)
        self._numbers = numbers
        self._heads = Memo(self._of_head, MOST_REMEMBERED)
        """The same by the beginning of a cell and its length, which say what is kept of it. None
        where they do not: the cell itself is read."""

    def column(self, cells: list[str]) -> list[Fragment]:
        """Read the cells of many lines.

        Raises:
            ValueError: one holds no numbers.
        """
        has_been_full = self.size >= _MOST_CELLS
        if has_been_full and _are_digits(list(map(_rest_of, cells))):  # sizes hardly come again
            heads = zip(map(_head_of, cells), map(len, cells), strict=True)
            found = list(map(self._heads.__getitem__, heads))
            return [one or self[cell] for one, cell in zip(found, cells, strict=True)]
        return list(map(self.__getitem__, cells))

    def _of_cell(self, cell: str) -> Fragment:
        return self._numbers[(*numbers_of_cell(cell), UNKNOWN)]

    def _of_head(self, question: tuple[str, int]) -> Fragment | None:
        head, length = question
        if length <= _HEAD_CHARS:
            return self._of_cell(head)
        if head[5] == "0":  # a nought in front is none of the digits
            return None
        return self._of_cell(head.ljust(length - 1, "0") + " ")


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
