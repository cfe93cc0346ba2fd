"""Owns lines of the site log that are ready but for a few facts, made of the table of fields.

What lines have in common is made once and kept by what makes it another: only facts that many
visits share are kept. Never keeps an address, a path, a query or a visitor's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consentgate.domain.record import (
    Audience,
    Facts,
    Field,
    Operational,
    Statistics,
    Tier,
    fields_of,
)
from consentgate.gates.records.site_information import is_empty
from consentgate.memo import Memo

MOST_LINES = 4_096
MOST_AUDIENCES = 4_096
MOST_TEXTS = 1_024
"""Texts that are kept for one field."""
MOST_CHARS = 64
"""A longer value is not kept: it is nobody else's."""
Encode = Callable[[object], bytes]
"""Makes a line of anything, compact JSON, line break included."""


class _Lines:
    """What the lines of all tiers have in common."""

    def __init__(
        self, tier: Tier, version: str, encode: Encode, kept: frozenset[str] = frozenset()
    ) -> None:
        """Read the table of fields.

        Args:
            tier: of the lines.
            version: the policy's label.
            encode: makes a line of a record.
            kept: names of the fields that the policy keeps; empty: all.
        """
        self._tier, self._version, self._encode = tier, version, encode
        self._fields = [one for one in fields_of(tier, kept) if one.of_interest is None]
        self.templates: Memo[Facts, bytes] = Memo(self._template, MOST_LINES)
        """By the facts that visits share: their line, with a place for each part."""

    def _template(self, facts: Facts) -> bytes:
        named = Operational(*facts, version=self._version, tier=self._tier)
        texts = [self._place_of(field, named) for field in self._fields]
        return b"{" + b"".join(texts) + b"}\n"

    def _place_of(self, field: Field, facts: Operational) -> bytes:
        """Write a field as it stands in a template."""
        if field.of_amounts is not None:
            return self._lead(field) + b"%d"
        if field.of_visit is None:
            raise ValueError(f"field {field.name!r} is of no visit in {self._tier}")
        return self._text(field, field.of_visit(facts)).replace(b"%", b"%%")

    def _text(self, field: Field, value: object) -> bytes:
        """Write a field as it stands in a line; empty: it is left out."""
        return b"" if is_empty(value) else self._lead(field) + self._encode(value)[:-1]

    def _lead(self, field: Field) -> bytes:
        comma = b"" if field is self._fields[0] else b","
        return comma + self._encode(field.name)[:-1] + b":"


class OperationalLines(_Lines):
    """Lines of T0: no more than what visits share, and what was measured, gets into one."""

    def __init__(self, version: str, encode: Encode, kept: frozenset[str] = frozenset()) -> None:
        """Prepare what is measured; see ``_Lines``."""
        super().__init__(Tier.OPERATIONAL, version, encode, kept)
        measures = [one.of_amounts for one in self._fields if one.of_amounts is not None]
        self._amounts = _together(measures)

    def line(self, facts: Facts, bytes_out: int, duration_us: int) -> bytes:
        """Make the line of a visit, line break included."""
        return self.templates[facts] % self._amounts(bytes_out, duration_us)


Measure = Callable[[int, int], int]
"""Takes the bytes that were sent, and the microseconds that it took."""


def _together(measures: Sequence[Measure]) -> Callable[[int, int], tuple[int, ...]]:
    """Make one measure of several; of two, as there are, in the fewest steps."""
    if len(measures) == 2:
        first, second = measures
        return lambda bytes_out, duration_us: (
            first(bytes_out, duration_us),
            second(bytes_out, duration_us),
        )
    return lambda bytes_out, duration_us: tuple(
        [measure(bytes_out, duration_us) for measure in measures]
    )


Part = Callable[[Statistics], object]
"""Gives what fills a place in a template."""


class NamedLines(_Lines):
    """Lines of T1, T2 and TB."""

    def __init__(
        self, tier: Tier, version: str, encode: Encode, kept: frozenset[str] = frozenset()
    ) -> None:
        """Prepare a part for each field that a visit has of its own; see ``_Lines``."""
        super().__init__(tier, version, encode, kept)
        self._of_audience = [one for one in self._fields if one.of_audience is not None]
        self._audiences: Memo[Audience, bytes] = Memo(self._audience, MOST_AUDIENCES)
        self._parts = [part for one in self._fields for part in self._parts_of(one)]

    def line(self, facts: Facts, more: Statistics) -> bytes:
        """Make the line of a visit, line break included."""
        return self.templates[facts] % tuple([part(more) for part in self._parts])

    def _place_of(self, field: Field, facts: Operational) -> bytes:
        if field.of_audience is not None:
            return b"%b" if field is self._of_audience[0] else b""
        return b"%b" if field.of_visitor is not None else super()._place_of(field, facts)

    def _parts_of(self, field: Field) -> Sequence[Part]:
        """Give the part of a field; those of an audience stand together where the first does."""
        if field.of_audience is not None:
            audiences = self._audiences
            is_first = field is self._of_audience[0]
            return [lambda more: audiences[more.audience]] if is_first else []
        if field.of_visitor is not None:
            return [self._part_of_visitor(field, field.of_visitor)]
        measure = field.of_amounts
        return [] if measure is None else [lambda more: measure(more.bytes_out, more.duration_us)]

    def _part_of_visitor(self, field: Field, read: Part) -> Part:
        if field.is_common:
            texts: Memo[object, bytes] = Memo(
                lambda value: self._text(field, value),
                MOST_TEXTS,
                is_small=lambda value: len(str(value)) <= MOST_CHARS,
            )
            return lambda more: texts[read(more)]
        lead, encode = self._lead(field), self._encode

        def part(more: Statistics) -> bytes:
            value = read(more)
            return lead + encode(value)[:-1] if value else b""

        return part

    def _audience(self, audience: Audience) -> bytes:
        texts = [
            self._text(field, field.of_audience(audience))
            for field in self._of_audience
            if field.of_audience is not None
        ]
        return b"".join(texts)
