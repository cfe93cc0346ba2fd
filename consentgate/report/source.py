"""Owns how a site log becomes tables that can be asked: rows, sums, visits as a whole.

Parquet of today's schema is read by DuckDB itself; older parts, gzipped lines and segments row by
row. A file that cannot be read is named, and the rest is reported on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from consentgate.errors import LogError, SettingError
from consentgate.log.keeping.day_files import Parquet, format_of
from consentgate.log.keeping.segment_lines import Found, Row, check_schema, rows_of
from consentgate.log.keeping.tombstones import COLUMNS, Tombstones
from consentgate.log.writing.layout import SEGMENT_PATTERN, Layout, held, write_durably
from consentgate.report.columns import DERIVED, STORED
from consentgate.report.periods import Period
from consentgate.report.sums import load_sums

_DAY = dt.timedelta(days=1)
_MOST_IN_MEMORY = 30_000_000
"""Rows that are copied into memory, where each question is answered faster; more are read anew."""


@dataclass(slots=True)
class Problems:
    """What could not be read, in sentences."""

    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Add a sentence, once."""
        if text not in self.said:
            self.said.append(text)


class Source:
    """The tables of one log over some days: ``rows``, ``sums``."""

    def __init__(
        self, layout: Layout, period: Period, zone: str = "UTC", expected: Period | None = None
    ) -> None:
        """Read the log.

        Args:
            layout: of the site log.
            period: every day that will be asked about.
            expected: days of which something is expected; None: all of them.
            zone: of the days and hours, such as ``Europe/Oslo``.

        Raises:
            LogError: there is no log.
            SettingError: there is no such zone.
        """
        if not layout.root.is_dir():
            raise LogError(f"{layout.root}: no site log is there yet; is the path right?")
        self.layout, self.zone = layout, zone_of(zone)
        self.problems = Problems()
        self.database = duckdb.connect()
        self.database.execute("set timezone = 'UTC'")
        days = {str(day) for day in Period(period.since - _DAY, period.until + _DAY)}
        with self._held():
            self._load_rows(days, period)
            load_sums(self.database, layout, days)
        self._say_missing(expected or period)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Give the rows of an answer."""
        return self.database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Have compaction wait, where this user may."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(PermissionError, FileNotFoundError):
                stack.enter_context(held(self.layout.state / "lock"))
            yield

    def _load_rows(self, days: set[str], period: Period) -> None:
        files: list[Path] = []
        others: list[Row] = []
        for path in [path for day, path in self.layout.parts() if day in days]:
            try:
                form = format_of(path)
                if isinstance(form, Parquet) and form.is_current(path):
                    files.append(path)
                else:
                    others += form.read(path)
            except Exception as error:  # whatever a damaged file makes a reader raise
                self._say_unreadable(path, error)
        others += self._rows_of_segments(days)
        self.database.register("others", Parquet().table(others))
        self.database.execute(f"create view raw as {self._union(self._readable(files))}")
        self._derive(period)

    def _rows_of_segments(self, days: set[str]) -> Iterator[Row]:
        for folder in (self.layout.closed, self.layout.live):
            for path in sorted(folder.glob(SEGMENT_PATTERN)):
                found = Found()
                try:
                    check_schema(path)
                    yield from (row for row in rows_of(path, found) if row["ts"][:10] in days)
                except (LogError, OSError) as error:
                    self._say_unreadable(path, error)
                if found.torn or found.foreign:
                    self.problems.say(
                        f"{path.parent.name}/{path.name}: {found.torn} torn and {found.foreign} "
                        "foreign lines are left out"
                    )

    def _say_unreadable(self, path: Path, error: Exception) -> None:
        name = path.relative_to(self.layout.root)
        self.problems.say(f"{name}: cannot be read ({type(error).__name__}); it is left out")

    def _readable(self, files: list[Path]) -> list[Path]:
        """The files whose pages can be read too, not only their footers."""
        try:
            self._try_to_read(files)
        except duckdb.Error:
            return [path for path in files if self._is_readable(path)]
        return files

    def _is_readable(self, path: Path) -> bool:
        try:
            self._try_to_read([path])
        except duckdb.Error as error:
            self._say_unreadable(path, error)
            return False
        return True

    def _try_to_read(self, files: list[Path]) -> None:
        if files:
            columns = ", ".join(f"max({name})" for name in STORED if name not in ("q", "sig"))
            self.database.execute(f"select {columns} from {_parquet(files)}").fetchall()

    def _union(self, files: list[Path]) -> str:
        columns = ", ".join(STORED)
        parts = [f"select {columns} from others"]
        if files:
            parts.append(f"select {columns} from {_parquet(files)}")
        return " union all ".join(parts)

    def _derive(self, period: Period) -> None:
        """Add what reports ask for: the site's own day and hour, and the kind of older rows."""
        self._forget_erased()
        many = self.ask("select count(*) from raw")[0][0]
        form = "table" if many <= _MOST_IN_MEMORY else "view"
        derived = ", ".join(f"{sql} as {name}" for name, sql in DERIVED.items())
        local = f"(ts at time zone '{self.zone}')"
        self.database.execute(
            f"create {form} rows as select {derived}, "
            f"{local}::date as day, hour({local})::int as hour, "
            f"isodow({local})::int as weekday from kept "
            f"where {local}::date between '{period.since}' and '{period.until}'"
        )

    def _forget_erased(self) -> None:
        """Leave out rows that were erased, also where a backup brought them back."""
        values: dict[str, list[str]] = {name: [] for name in COLUMNS}
        with contextlib.suppress(PermissionError):
            values = {k: sorted(v) for k, v in Tombstones(self.layout).values.items()}
        where = " and ".join(
            f"({name} is null or {name} not in (select unnest({_list(found)})))"
            for name, found in values.items()
            if found
        )
        self.database.execute(f"create view kept as select * from raw where {where or 'true'}")

    def _say_missing(self, period: Period) -> None:
        """Name the days of which there is nothing: not even one visit was noted."""
        found = {row[0] for row in self.ask("select distinct day from rows")}
        found |= {row[0] for row in self.ask("select distinct day from sums")}
        missing = [str(day) for day in period if day not in found]
        if missing:
            shown = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
            self.problems.say(f"{len(missing)} of {period.days} days have no rows: {shown}")


def _parquet(files: list[Path]) -> str:
    return f"read_parquet({_list([str(path) for path in files])})"


def _list(texts: list[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


def zone_of(name: str) -> str:
    """See that there is a time zone of that name.

    Raises:
        SettingError: there is none.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingError(
            f'time_zone = "{name[:40]}": no such zone; expected one such as "Europe/Oslo"'
        ) from error
    return name


def today_in(zone: str) -> dt.date:
    """Today, where the site is.

    Raises:
        SettingError: there is no such zone.
    """
    return dt.datetime.now(ZoneInfo(zone_of(zone))).date()


def rounding_key(layout: Layout) -> bytes:
    """The key that fixes how numbers are rounded, made when the first report is.

    Raises:
        LogError: it cannot be read or made.
    """
    path = layout.root / "report.key"
    try:
        if not path.exists():
            write_durably(path, secrets.token_bytes(32))
        return path.read_bytes()[:64]
    except OSError as error:
        raise LogError(
            f"{path}: {error.strerror}; let the first report be made by a user who may write there"
        ) from error
