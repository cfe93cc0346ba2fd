"""Owns how moments become days: whole seconds since the epoch, UTC."""

from __future__ import annotations

import datetime as dt

DAY_SECONDS = 86_400
_EPOCH = dt.date(1970, 1, 1)


def day_of(now: int) -> dt.date:
    """The day of a moment, UTC."""
    return _EPOCH + dt.timedelta(days=now // DAY_SECONDS)
