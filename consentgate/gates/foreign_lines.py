"""Owns how lines of other programs' access logs become access records (T0, TB, T1).

Every column goes through the minimiser that the site's own log uses, once for each distinct text;
what is left are fragments that many lines share, so equal lines are counted and written sorted:
their order says nothing of who came when. Nobody's choice is known, so a person's line is
operational unless the operator says otherwise, and it never names a visitor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress, repeat
from operator import attrgetter, not_
from typing import Any, Protocol

from consentgate.domain.agents import Browser, Looks
from consentgate.domain.record import Tier
from consentgate.formats.combined import Columns, columns, combined_line, minute_of_cell
from consentgate.formats.foreign_line import MAX_CHARS, ForeignLine
from consentgate.formats.proxy_json import SHAPES, Loads, json_line
from consentgate.gates.foreign_columns import (
    Fragment,
    Remembered,
    Site,
    Tables,
    machine_tables,
    operational_tables,
    statistics_tables,
)
from consentgate.gates.site_information import Record, two_digits

FORMATS = ("auto", "combined", "common", "vhost", *SHAPES)
"""What ``--format`` may say; Traefik's common log format is read as ``combined``."""
FOUND = frozenset(("200", "201", "202", "203", "206", "304"))
"""Answers that show a page; a redirect would count the visit twice."""
_PIECE_BYTES = 128 * 1_024
_is_person = attrgetter("is_so")


class AgentReader(Protocol):
    """Says what an agent is."""

    @property
    def looks(self) -> Callable[[str], Looks]:
        """What every tier may know of an agent."""
        ...

    @property
    def browser(self) -> Callable[[str], Browser]:
        """What only the statistics tier may know of an agent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How foreign lines are read."""

    format: str = "auto"
    unit: str = ""
    """Unit of the number after the agent: ``s``, ``ms``, ``us``; empty: it is dropped."""
    tier: Tier = Tier.OPERATIONAL
    """Of people's lines: operational, or statistics where the operator answers for it."""
    fields: frozenset[str] = frozenset()
    """Keep only these; empty keeps all of the tier."""


Key = tuple[Fragment, Fragment, str, str, str, Fragment, Fragment]


class Minimiser:
    """Reads pieces of a foreign log, and gives the access records of all of them."""

    def __init__(
        self, site: Site, agents: AgentReader, loads: Loads, reading: Reading | None = None
    ) -> None:
        """Prepare the tables.

        Args:
            site: hosts, routes and query fields that the operator declares.
            agents: says what a user agent is.
            loads: the JSON reader.
            reading: how lines are read.
        """
        self._reading = reading or Reading()
        self._loads = loads
        is_granted = self._reading.tier is Tier.STATISTICS
        people = statistics_tables if is_granted else operational_tables
        self.people: Tables = people(site, agents.looks, agents.browser)
        self.machines: Tables = machine_tables(site, agents.looks)
        self._clocks: dict[str, Remembered[str, int]] = {}
        self._durations: Remembered[int, str] = Remembered(_duration)
        self.is_plain = self._reading.format in ("auto", "combined") and not self._reading.unit
        self._counts: Counter[Key] = Counter()

    def add_all(self, block: bytes) -> list[tuple[int, str]]:
        """Read many lines, in pieces that are small enough for the processor's own memory."""
        dropped: list[tuple[int, str]] = []
        number = start = 0
        while start < len(block):
            end = block.find(b"\n", start + _PIECE_BYTES) + 1 or len(block)
            found = self.add(block[start:end].decode("latin-1"))
            dropped += [(number + at, why) for at, why in found]
            number += block.count(b"\n", start, end)
            start = end
        return dropped

    def add(self, piece: str) -> list[tuple[int, str]]:
        """Read lines.

        Args:
            piece: whole lines, each ended by a newline; characters are bytes (latin-1).

        Returns:
            The lines that are dropped: their number in the piece, from 0, and why.
        """
        if self.is_plain and len(piece) <= MAX_CHARS and self._add_columns(piece):
            return []
        lines = piece.split("\n")
        if not lines[-1]:
            lines.pop()
        plain = [line for line in lines if line.count('"') == 6 and "\\" not in line]
        is_mixed = self.is_plain and len(lines) // 2 < len(plain) < len(lines)
        is_counted = is_mixed and self._add_columns("\n".join(plain) + "\n")
        return self._add_lines(lines, is_odd_only=is_counted)

    def _add_lines(self, lines: list[str], *, is_odd_only: bool = False) -> list[tuple[int, str]]:
        dropped = []
        for number, line in enumerate(lines):
            if is_odd_only and line.count('"') == 6 and "\\" not in line:
                continue
            if line and not line.isspace() and not self._add_line(line):
                dropped.append((number, self._why(line)))
        return dropped

    def _why(self, line: str) -> str:
        if len(line) > MAX_CHARS:
            return f"longer than {MAX_CHARS} characters"
        name = self._reading.format
        if name == "auto":
            name = "JSON" if line.startswith("{") else "common or combined"
        return f"not a whole {name} line"

    def _add_columns(self, piece: str) -> bool:
        found = columns(piece)
        if found is None:
            return False
        try:
            minutes = list(map(self._clock(found.zone).__getitem__, found.stamps))
        except ValueError:
            return False
        looks = list(map(self.people.looks.__getitem__, found.agents))
        people = list(map(_is_person, looks))
        self._count(self.people, found, minutes, looks, people)
        if not all(people):
            machines = list(map(not_, people))
            named = list(map(self.machines.looks.__getitem__, compress(found.agents, machines)))
            self._count(self.machines, found, minutes, named, machines)
        return True

    def _count(
        self,
        tables: Tables,
        found: Columns,
        minutes: list[int],
        looks: Iterable[Fragment],
        chosen: list[bool],
    ) -> None:
        """Count the chosen lines, column by column."""
        self._counts.update(
            zip(
                map(tables.moments.__getitem__, compress(minutes, chosen)),
                map(tables.requests.__getitem__, compress(found.requests, chosen)),
                compress(found.statuses, chosen),
                compress(found.sizes, chosen),
                repeat(""),
                map(tables.referrers.__getitem__, compress(found.referrers, chosen)),
                looks if tables is self.machines else compress(looks, chosen),
                strict=False,
            )
        )

    def _clock(self, zone: str) -> Remembered[str, int]:
        """Text of a moment to its minute, in that zone."""
        known = self._clocks.get(zone)
        if known is None:
            known = Remembered(lambda text: minute_of_cell(text, zone))
            self._clocks[zone] = known
        return known

    def _add_line(self, line: str) -> bool:
        found = self._read(line) if len(line) <= MAX_CHARS else None
        if found is None:
            return False
        look = self.people.looks[found.agent]
        tables = self.people
        if not look.is_so:
            tables, look = self.machines, self.machines.looks[found.agent]
        self._counts[
            tables.moments[found.minute],
            tables.requests[found.request],
            found.status,
            str(two_digits(int(found.size))),
            self._durations[found.duration_us],
            tables.referrer(found.referrer, found.host),
            look,
        ] += 1
        return True

    def _read(self, line: str) -> ForeignLine | None:
        name = self._reading.format
        if name in SHAPES or (name == "auto" and line.startswith("{")):
            found = json_line(line, self._loads, program=name if name in SHAPES else "")
            if found is None and name == "traefik":
                return combined_line(line)
            return found
        return combined_line(line, unit=self._reading.unit)

    def lines(self, write: Callable[[Record], str] | None = None) -> list[str]:
        """Give the lines of all pieces since the last call, sorted, and forget them.

        Args:
            write: makes a line of a record; None: JSON, as the site's own log.
        """
        counts, self._counts = self._counts, Counter()
        lines = [(_json(key), count) for key, count in counts.items()]
        lines.sort()
        kept = self._reading.fields
        if kept or write is not None:
            lines = [(_rewritten(text, kept, write), count) for text, count in lines]
        return [line for text, count in lines for line in repeat(text, count)]


def _json(key: Key) -> str:
    moment, request, status, size, duration, referrer, look = key
    is_entry = request.is_so and referrer.is_so and look.is_so and status in FOUND
    entry = ',"entry":true' if is_entry else ""
    return (
        f'{{{moment.text},{request.text},"status":{status},"bytes":{size}{duration},'
        f"{referrer.text}{look.text}{entry}}}"
    )


def _rewritten(text: str, kept: frozenset[str], write: Callable[[Record], str] | None) -> str:
    record: dict[str, Any] = json.loads(text)
    if kept:
        names = kept | {"ts", "tier", "v"}
        record = {name: value for name, value in record.items() if name in names}
    if write is not None:
        return write(record)
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _duration(microseconds: int) -> str:
    return f',"dur_us":{two_digits(microseconds)}' if microseconds >= 0 else ""
