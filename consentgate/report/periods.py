"""Owns the days that a report is about, and the blocks in which they are counted.

A number of a period is the sum of its blocks: whole months, whole weeks, then days. Each block has
one published number for good, so that no two periods can be subtracted to find out about a day.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from consentgate.errors import SettingError

DEFAULT_DAYS = 28
"""Four weeks: every weekday as often."""
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days in the site's own zone, both ends included."""

    since: dt.date
    until: dt.date

    def __post_init__(self) -> None:
        """See that it has a day.

        Raises:
            SettingError: it ends before it begins.
        """
        if self.until < self.since:
            raise SettingError(
                f"--from {self.since} --until {self.until}: the period ends before it begins"
            )

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.until - self.since).days + 1

    def __iter__(self) -> Iterator[dt.date]:
        """Each day."""
        return (self.since + number * _DAY for number in range(self.days))

    def before(self) -> Period:
        """The period of as many days, or the months, before it."""
        if self.since.day == 1 and self.until == _month_end(self.until):
            months = 12 * (self.until.year - self.since.year) + self.until.month - self.since.month
            until = self.since - _DAY
            since = until.replace(day=1)
            for _ in range(months):
                since = (since - _DAY).replace(day=1)
            return Period(since, until)
        return Period(self.since - self.days * _DAY, self.since - _DAY)

    def blocks(self) -> Iterator[tuple[dt.date, str]]:
        """Each day with the name of its block: ``2026-11``, ``2026-W48`` or the day itself."""
        day = self.since
        while day <= self.until:
            name, last = self._block(day)
            while day <= last:
                yield day, name
                day += _DAY

    def _block(self, day: dt.date) -> tuple[str, dt.date]:
        month = _month_end(day)
        if day.day == 1 and month <= self.until:
            return f"{day:%Y-%m}", month
        week = day + 6 * _DAY
        is_whole = day.weekday() == 0 and week <= self.until
        if is_whole and not self._begins_month(day, week):
            year, number, _ = day.isocalendar()
            return f"{year}-W{number:02}", week
        return str(day), day

    def _begins_month(self, day: dt.date, week: dt.date) -> bool:
        """Whether a whole month of the period begins within a week."""
        first = week.replace(day=1)
        return first > day and _month_end(first) <= self.until


def _month_end(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def period_of(since: str, until: str, today: dt.date) -> Period:
    """The period that is asked for: by default the last four weeks, without today.

    Args:
        since: first day, ``2026-11-01``; a month such as ``2026-11`` means all of it; empty: 28
            days before the last.
        until: last day or month; empty: yesterday, or the end of the month that ``since`` names.
        today: in the site's zone.

    Raises:
        SettingError: a day is none, or the period ends before it begins.
    """
    first, last = _span(since), _span(until)
    if first is None:
        end = last[1] if last is not None else today - _DAY
        return Period(end - (DEFAULT_DAYS - 1) * _DAY, end)
    if last is not None:
        return Period(first[0], last[1])
    is_month = first[0] != first[1]
    return Period(first[0], first[1] if is_month else max(first[0], today - _DAY))


def _span(text: str) -> tuple[dt.date, dt.date] | None:
    if not text:
        return None
    try:
        if len(text) == 7:
            first = dt.date.fromisoformat(f"{text}-01")
            return first, _month_end(first)
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise SettingError(f"{text!r}: expected a day or a month, 2026-11-24 or 2026-11") from error
    return day, day
