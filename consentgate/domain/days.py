"""Owns how moments become days: whole seconds since the epoch, UTC."""

from __future__ import annotations

import datetime as dt
import time

from consentgate.memo import remember

DAY_SECONDS = 86_400
_EPOCH = dt.date(1970, 1, 1)


def day_of(now: int) -> dt.date:
    """The day of a moment, UTC."""
    return _EPOCH + dt.timedelta(days=now // DAY_SECONDS)


@remember(512)
def hour_text(hours: int) -> str:
    """Write an hour, counted since the epoch, such as ``2026-11-23T21:00:00Z`` (LOG-08)."""
    return time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(hours * 3_600))


@remember(512)
def minute_text(minutes: int) -> str:
    """Write a minute, counted since the epoch, such as ``2026-11-23T21:05:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(minutes * 60))


def month_text(now: int) -> str:
    """Write the month of a moment, such as ``2026-11``."""
    return time.strftime("%Y-%m", time.gmtime(now))
