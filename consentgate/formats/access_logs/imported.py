"""Owns what is read from one line of another program's access log, before it is minimised.

A foreign line lives in memory only, and has no room for an address, a user name or a cookie: what
a parser does not hand on cannot be written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from consentgate.memo import remember, up_to

MAX_CHARS = 1_048_576
"""A longer line is no line of an access log."""
UNKNOWN = -1
"""Stands for a duration that the log does not hold."""


class ForeignLine(NamedTuple):
    """The columns of an access line that a minimiser reads."""

    minute: int
    """Minutes since 1970, UTC."""
    request: str
    """``GET /path?query HTTP/1.1``, or without the last word."""
    status: str
    """Three digits."""
    size: str
    """Bytes sent, in digits."""
    duration_us: int
    """Microseconds, or UNKNOWN."""
    referrer: str
    agent: str
    host: str
    """Host of the site that was asked; empty where the log does not say."""


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""As log files name them, whatever the language of the machine."""
_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}


def minute_of_stamp(stamp: str, zone: str) -> int:
    """Minutes since 1970 of ``01/Oct/2026:13:55`` in ``+0200``.

    Raises:
        ValueError: it is no such moment.
    """
    digits = stamp[:2] + stamp[7:11] + stamp[12:14] + stamp[15:]
    marks = stamp[2:3] + stamp[6:7] + stamp[11:12] + stamp[14:15]
    if marks != "//::" or len(digits) != 10 or not (digits.isascii() and digits.isdecimal()):
        raise ValueError("no moment")
    moment = datetime(
        int(stamp[7:11]),
        _NUMBERS.get(stamp[3:6], 0),
        int(stamp[:2]),
        int(stamp[12:14]),
        int(stamp[15:17]),
        tzinfo=UTC,
    )
    return int(moment.timestamp()) // 60 - zone_minutes(zone)


@remember(64)
def zone_minutes(zone: str) -> int:
    """Minutes that ``+0530`` is ahead of UTC.

    Raises:
        ValueError: it is no such zone.
    """
    if len(zone) != 5 or zone[0] not in "+-" or not (zone[1:].isascii() and zone[1:].isdecimal()):
        raise ValueError("no zone")
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    return -minutes if zone[0] == "-" else minutes


_SMALLEST = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
"""A number below the first is in units of which the second make a second."""


@remember(1_024, is_small=up_to(64))
def minute_of_text(text: str) -> int:
    """Minutes since 1970 of an ISO 8601, epoch or common-log moment.

    Raises:
        ValueError: it is none of them.
    """
    if text[2:3] == "/" and len(text) >= 26:
        return minute_of_stamp(text[:17], text[21:26])
    try:
        return minute_of_number(float(text))
    except ValueError:
        moment = datetime.fromisoformat(text.replace("/", "-"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)


def minute_of_number(number: float) -> int:
    """Minutes since 1970 of seconds, milliseconds, microseconds or nanoseconds.

    Raises:
        ValueError: no clock says so.
    """
    for bound, units in _SMALLEST:
        if 0 <= number < bound:
            return int(number / units) // 60
    raise ValueError("no moment")
