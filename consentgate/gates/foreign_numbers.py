"""Owns what status, size and duration of a foreign line become, remembered text by text."""

from __future__ import annotations

from consentgate.formats.combined import numbers_of_cell
from consentgate.formats.foreign_line import UNKNOWN
from consentgate.gates.foreign_columns import Fragment, Remembered
from consentgate.gates.site_information import two_digits

FOUND = frozenset(("200", "201", "202", "203", "206", "304"))
"""Answers that show a page; a redirect would count the visit twice."""
_MOST_CELLS = 4_096
_HEAD_CHARS = len(" 200 23")
"""Of a cell `` 200 2326 ``: with its length they say what is kept of it."""


class Numbers(Remembered[tuple[str, str, int], Fragment]):
    """Status, rounded size and microseconds to their fragment; whether the answer shows a page."""

    def __init__(self) -> None:
        super().__init__(_numbers)


class Cells(dict[str, Fragment]):
    """A bounded table of cells with status and size, as they stand in a combined line."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers
        self._heads: Remembered[tuple[str, int], Fragment | None] = Remembered(lambda _: None)

    def __missing__(self, cell: str) -> Fragment:
        """Read a cell; of a long one only what is kept.

        Raises:
            ValueError: it holds no numbers.
        """
        head = cell[:_HEAD_CHARS], len(cell)
        value = self._heads[head]
        if value is None or not cell[_HEAD_CHARS:-1].isdecimal() or cell[-1] != " ":
            value = self._numbers[(*numbers_of_cell(cell), UNKNOWN)]
            if len(cell) > _HEAD_CHARS and cell[5] != "0":
                self._heads[head] = value
        if len(self) < _MOST_CELLS:
            self[cell] = value
        return value


def _numbers(key: tuple[str, str, int]) -> Fragment:
    status, size, microseconds = key
    duration = f',"dur_us":{two_digits(microseconds)}' if microseconds >= 0 else ""
    return Fragment(f'"status":{int(status)},"bytes":{size}{duration}', status in FOUND)
