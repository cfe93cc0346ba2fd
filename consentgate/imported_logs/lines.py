"""Owns how lines of other programs' access logs become access records (T0, TB, T1).

Every column goes through the minimiser that the site's own log uses, once for each distinct text;
what is left are fragments that many lines share, so equal lines are counted and written sorted:
their order says nothing of who came when. Nobody's choice is known, so a person's line is
operational unless the operator says otherwise, and it never names a visitor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress
from operator import mul
from typing import Any, NamedTuple

from consentgate.domain.record import ALWAYS, Tier, two_digits
from consentgate.formats.access_logs.combined import (
    columns,
    combined_line,
    minute_of_cell,
)
from consentgate.formats.access_logs.imported import MAX_CHARS, ForeignLine
from consentgate.formats.access_logs.proxy_json import SHAPES, Loads, json_line
from consentgate.gates.records.site_information import Record
from consentgate.imported_logs.columns import (
    MOST_REMEMBERED,
    AgentReader,
    Fragment,
    Site,
    Tables,
    Texts,
    machine_tables,
    operational_tables,
    statistics_tables,
)
from consentgate.imported_logs.numbers import Cells, Numbers
from consentgate.memo import Memo

FORMATS = ("auto", "combined", "common", "vhost", *SHAPES)
"""What ``--format`` may say; Traefik's common log format is read as ``combined``."""
_MOST_ZONES = 64


class Reading(NamedTuple):
    """How foreign lines are read."""

    format: str = "auto"
    unit: str = ""
    """Unit of the number after the agent: ``s``, ``ms``, ``us``; empty: it is dropped."""
    tier: Tier = Tier.OPERATIONAL
    """Of people's lines: operational, or statistics where the operator answers for it."""
    fields: frozenset[str] = frozenset()
    """Keep only these; empty keeps all of the tier."""


Key = tuple[Fragment, Fragment, Fragment, Fragment, Fragment]
"""Moment, request, numbers, referrer, agent."""


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
        self.people: Tables = people(site, agents)
        self.machines: Tables = machine_tables(site, agents)
        self._people: Texts[Fragment | None] = Texts(self._person)
        """Agents to what people's are; None: it is a machine's."""
        self._bots: Texts[Fragment] = Texts(self.machines.looks)
        """Agents to what machines' are."""
        self._clocks = Memo(self._clock, _MOST_ZONES)
        self._numbers = Numbers()
        self._cells = Cells(self._numbers)
        self.is_plain = self._reading.format in ("auto", "combined") and not self._reading.unit
        self._counts: Counter[Key] = Counter()
        self.count = 0
        """Lines read since they were last given."""

    def add_all(self, pieces: Iterable[bytes]) -> list[tuple[int, str]]:
        """Read pieces of whole lines; the dropped are numbered from the first piece's first."""
        dropped: list[tuple[int, str]] = []
        for piece in pieces:
            first = self.count
            found = self.add(piece.decode("latin-1"))
            dropped += [(first + at, why) for at, why in found]
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
        before = self.count
        plain = [line for line in lines if line.count('"') == 6 and "\\" not in line]
        is_mixed = self.is_plain and len(lines) // 2 < len(plain) < len(lines)
        is_counted = is_mixed and self._add_columns("\n".join(plain) + "\n")
        self.count = before + len(lines)
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
            looks, machines, bots = self._sorted(found.agents)
            numbers = self._cells.column(found.numbers)
            every = found.stamps, found.requests, numbers, found.referrers
            keys = self._keys(found.zone, [list(compress(one, looks)) for one in (*every, looks)])
            if machines:
                some = (list(map(one.__getitem__, machines)) for one in every)
                keys = chain(keys, self._keys(found.zone, [*some, bots], is_person=False))
        except ValueError:
            return False
        self._counts.update(keys)
        self.count += len(looks)
        return True

    def _sorted(self, agents: list[str]) -> tuple[list[Fragment | None], list[int], list[Fragment]]:
        """Each person's look, None for machines; the machines' lines; and their looks."""
        looks = list(map(self._people.__getitem__, agents))
        machines = [at for at, look in enumerate(looks) if look is None]
        bots = list(map(self._bots.__getitem__, map(agents.__getitem__, machines)))
        return looks, machines, bots

    def _keys(self, zone: str, found: list[list[Any]], is_person: bool = True) -> Iterator[Key]:
        """What lines are counted by; all of it is read at once.

        Args:
            zone: of all moments.
            found: stamps, requests, fragments of numbers, referrers, looks.
            is_person: whose lines they are.

        Raises:
            ValueError: something is none of a line.
        """
        stamps, requests, numbers, referrers, looks = found
        tables = self.people if is_person else self.machines
        clock = self._clocks[is_person, zone]
        return zip(
            list(map(clock.__getitem__, stamps)),
            list(map(tables.requests.__getitem__, requests)),
            numbers,
            tables.referrers.column(referrers),
            looks,
            strict=False,
        )

    def _clock(self, key: tuple[bool, str]) -> Memo[str, Fragment]:
        """Text of a moment in that zone to its fragment, for people or for machines."""
        is_person, zone = key
        moments = (self.people if is_person else self.machines).moments
        return Memo(lambda text: moments[minute_of_cell(text, zone)], MOST_REMEMBERED)

    def _person(self, agent: str) -> Fragment | None:
        look = self.people.looks(agent)
        return look if look.is_so else None

    def _add_line(self, line: str) -> bool:
        found = self._read(line) if len(line) <= MAX_CHARS else None
        if found is None:
            return False
        person = self._people.of(found.agent)
        look = person or self._bots.of(found.agent)
        tables = self.machines if person is None else self.people
        size = str(two_digits(int(found.size)))
        self._counts[
            tables.moments[found.minute],
            tables.requests.of(found.request),
            self._numbers[found.status, size, found.duration_us],
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

    def lines(self, write: Callable[[Record], str] | None = None) -> tuple[list[str], int]:
        """Give the lines of all pieces since the last call, sorted, and forget them.

        Args:
            write: makes a line of a record; None: JSON, as the site's own log.

        Returns:
            Texts of equal lines, each line ended by a newline, and how many lines they are.
        """
        counts, self._counts, self.count = self._counts, Counter(), 0
        lines = list(map(_line, counts))
        kept = self._reading.fields
        if kept or write is not None:
            pairs = sorted(zip(lines, counts.values(), strict=True))
            lines = [_rewritten(line, kept, write) * count for line, count in pairs]
        else:
            lines = list(map(mul, lines, counts.values()))
            lines.sort()
        return lines, counts.total()


def _line(key: Key) -> str:
    moment, request, numbers, referrer, look = key
    if request.is_so and referrer.is_so and numbers.is_so and look.is_so:
        end = _END_OF_ENTRY
    else:
        end = "}\n"
    return f"{{{moment.text},{request.text},{numbers.text},{referrer.text}{look.text}{end}"


_END_OF_ENTRY = ',"entry":true}\n'


def _rewritten(text: str, kept: frozenset[str], write: Callable[[Record], str] | None) -> str:
    record: dict[str, Any] = json.loads(text)
    if kept:
        names = kept | ALWAYS
        record = {name: value for name, value in record.items() if name in names}
    if write is not None:
        return f"{write(record)}\n"
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
