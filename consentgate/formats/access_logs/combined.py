"""Owns the access lines of nginx and Apache: common, combined, with the virtual host, and more.

``columns`` reads many plain lines at once, and ``combined_line`` any one line; what both accept,
both read alike. Neither hands on the address, identd's answer or the user name, and whatever
follows the agent is dropped as well (a forwarded chain often stands there; LOG-03).
"""

from __future__ import annotations

import re
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

from consentgate.formats.access_logs.imported import UNKNOWN, ForeignLine, minute_of_stamp

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    r'[^"]*\[(\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2})[^"]{3} ([+-]\d{4})\] '
    rf"{_QUOTED} (\d{{3}}) (\d{{1,15}}|-)(?: {_QUOTED} {_QUOTED}(.*))?\s*",
    re.ASCII | re.DOTALL,
)
_SITE = re.compile(
    r"((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]*)(?::\d{1,5})? "
    r"|([A-Za-z0-9-]{1,63}):\d{1,5} "
)
_ESCAPE = re.compile(r'\\x([0-9A-Fa-f]{2})|\\(["\\])')
_MILLISECONDS = re.compile(r" (\d{1,9})ms\s*\Z")
_DURATION = re.compile(r" (\d{1,12}(?:\.\d{1,6})?)(?: |\s*\Z)")
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Unit of a duration to microseconds."""


def combined_line(line: str, *, unit: str = "") -> ForeignLine | None:
    """Read one line; None for anything that is not wholly such a line.

    Args:
        line: without its end; characters are bytes (latin-1).
        unit: what the number after the agent counts (``s``, ``ms``, ``us``); empty: it may be
            anything, and is dropped. Traefik's own ``5ms`` is always read.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    stamp, zone, request, status, size, referrer, agent, rest = found.groups("")
    try:
        minute = minute_of_stamp(stamp, zone)
    except ValueError:
        return None
    site = _SITE.match(line)
    return ForeignLine(
        minute,
        unescaped(request),
        status,
        size.lstrip("0") or "0" if size != "-" else "0",
        _duration(rest, unit),
        unescaped(referrer),
        unescaped(agent),
        (site[1] or site[2]).lower() if site else "",
    )


def unescaped(text: str) -> str:
    r"""The text behind ``\x22`` and ``\"``, so that nothing hides there from the scrubber."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


def _duration(rest: str, unit: str) -> int:
    traefik = _MILLISECONDS.search(rest)
    if traefik is not None:
        return int(traefik[1]) * 1_000
    found = _DURATION.match(rest) if unit else None
    return round(float(found[1]) * UNITS[unit]) if found is not None else UNKNOWN


class Columns(NamedTuple):
    """Many lines, column by column."""

    stamps: list[str]
    """``[01/Oct/2026:13:55``, all in one zone."""
    zone: str
    requests: list[str]
    numbers: list[str]
    """`` 200 2326 ``: status and size, as they stand."""
    referrers: list[str]
    agents: list[str]


_CELLS = 6
"""Quotation marks in a combined line."""
_stamp_of = itemgetter(slice(-29, -11))
_NUMBERS = re.compile(r" (\d{3}) (?:(\d{1,15})|-) ", re.ASCII)


def columns(piece: str) -> Columns | None:
    """Read whole combined lines at once, by the quotation marks that all of them share.

    Args:
        piece: lines, each ended by a newline; characters are bytes (latin-1).

    Returns:
        None where any line is not plainly of that form: they are then read one by one. A cell that
        holds a line break belongs to two lines that only together seem to be one: it is left to
        who reads the cells to refuse it.
    """
    cells = piece.split('"')
    lines, odd = divmod(len(cells) - 1, _CELLS)
    if odd or not lines or "\\" in piece:
        return None
    if cells[4::_CELLS].count(" ") != lines:
        return None
    heads, zone = cells[:-1:_CELLS], cells[0][-8:]
    if (
        "\n" in cells[0]
        or zone[:1] != " "
        or zone[6:] != "] "
        or not _is_aligned(cells, heads, zone)
    ):
        return None
    stamps = list(map(_stamp_of, heads))
    quoted = (cells[at::_CELLS] for at in (1, 2, 3, 5))
    return Columns(stamps, zone[1:6], *quoted)


def minute_of_cell(stamp: str, zone: str) -> int:
    """Minutes since 1970 of one of the stamps.

    Raises:
        ValueError: it is no moment: the line is none of this form.
    """
    if stamp[:1] != "[":
        raise ValueError("no moment")
    return minute_of_stamp(stamp[1:], zone)


def numbers_of_cell(cell: str) -> tuple[str, str]:
    """Status, and size in two significant digits, of one of the cells with numbers.

    Raises:
        ValueError: they are no numbers: the line is none of this form.
    """
    found = _NUMBERS.fullmatch(cell)
    if found is None:
        raise ValueError("no numbers")
    size = (found[2] or "").lstrip("0") or "0"
    return found[1], size[:2].ljust(len(size), "0")


def _is_aligned(cells: list[str], heads: list[str], zone: str) -> bool:
    """Whether each line begins after its own newline, and has its moment in that zone."""
    tails = cells[_CELLS::_CELLS]
    text = '"'.join(tails)
    if text.count("\n") != len(tails) or text[-1:] != "\n":
        return False
    if text[0] == "\n" and text.count(f'{zone}"\n') == len(tails) - 1:
        return True
    is_each_ended = set(map(str.count, tails, repeat("\n"))) == {1}
    return is_each_ended and all(map(str.endswith, heads, repeat(zone)))
