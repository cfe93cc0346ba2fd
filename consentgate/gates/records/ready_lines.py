"""Owns lines of the site log that are ready but for a few facts, made of the table of fields.

What lines have in common is made once and kept by what makes it another: only facts that many
visits share are kept. Never keeps an address, a path, a query or a visitor's name.
"""

from __future__ import annotations

from collections.abc import Callable

from consentgate.domain.record import (
    Amount,
    Asked,
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
"""Writes a value as compact JSON, without a line break."""
Met = Callable[[str], object]
"""Is told of a route."""


class _Lines:
    """What the lines of all tiers have in common."""

    def __init__(
        self,
        tier: Tier,
        version: str,
        encode: Encode,
        kept: frozenset[str] = frozenset(),
        met: Met = bool,
    ) -> None:
        """Read the table of fields.

        Args:
            tier: of the lines.
            version: the policy's label.
            encode: writes a value.
            kept: names of the fields that the policy keeps; empty: all.
            met: is told of each route as its first line is made.
        """
        self._tier, self._version, self._encode, self._met = tier, version, encode, met
        self._fields = [one for one in fields_of(tier, kept) if one.of_interest is None]
        self.templates: Memo[Facts, bytes] = Memo(self._template, MOST_LINES)
        """By the facts that visits share: their line, with a place for each part."""

    def _template(self, facts: Facts) -> bytes:
        self._met(facts[2])
        named = Operational(*facts, version=self._version, tier=self._tier)
        texts = [self._place_of(field, named) for field in self._fields]
        return b"{" + b"".join(texts) + b"}\n"

    def _place_of(self, field: Field, facts: Operational) -> bytes:
        """Write a field as it stands in a template."""
        if field.of_amount is not None:
            return self._lead(field) + b"%d"
        if field.of_visit is None:
            raise ValueError(f"field {field.name!r} is of no visit in {self._tier}")
        return self._text(field, field.of_visit(facts)).replace(b"%", b"%%")

    def _text(self, field: Field, value: object) -> bytes:
        """Write a field as it stands in a line; empty: it is left out."""
        return b"" if is_empty(value) else self._lead(field) + self._encode(value)

    def _lead(self, field: Field) -> bytes:
        comma = b"" if field is self._fields[0] else b","
        return comma + self._encode(field.name) + b":"


class OperationalLines(_Lines):
    """Lines of T0: no more than what visits share, and what was measured, gets into one.

    ``templates[facts] % amounts`` is the line of a visit, line break included.
    """

    def __init__(
        self,
        version: str,
        encode: Encode,
        kept: frozenset[str] = frozenset(),
        met: Met = bool,
    ) -> None:
        """Prepare what is measured; see ``_Lines``."""
        super().__init__(Tier.OPERATIONAL, version, encode, kept, met)

    def _template(self, facts: Facts) -> bytes:
        """Make a template that takes every amount, in their order."""
        said = {field.of_amount for field in self._fields}
        unsaid = [b"%.0a" for amount in Amount if amount not in said]  # takes one, writes nothing
        return super()._template(facts)[:-1] + b"".join(unsaid) + b"\n"


Part = Callable[[Statistics], bytes]
"""Gives what fills a place in a template."""


class NamedLines(_Lines):
    """Lines of T1, T2 and TB."""

    def __init__(
        self,
        tier: Tier,
        version: str,
        encode: Encode,
        kept: frozenset[str] = frozenset(),
        met: Met = bool,
    ) -> None:
        """Prepare a part for each field that a visit has of its own; see ``_Lines``.

        Fields that are made of one fact have one part, which stands where the first of them does.
        """
        super().__init__(tier, version, encode, kept, met)
        self._of_audience = [one for one in self._fields if one.of_audience is not None]
        self._of_query = [one for one in self._fields if one.of_query is not None]
        self._measured = [one for one in self._fields if one.of_amount is not None]
        self._audiences: Memo[Audience, bytes] = Memo(self._audience, MOST_AUDIENCES)
        found = [(one, self._part_of(one)) for one in self._fields]
        self._places = {one.name: b"%b" for one, part in found if part is not None}
        self._parts = [part for _, part in found if part is not None]

    def line(self, facts: Facts, more: Statistics) -> bytes:
        """Make the line of a visit, line break included."""
        return self.templates[facts] % tuple([part(more) for part in self._parts])

    def _place_of(self, field: Field, facts: Operational) -> bytes:
        if field.of_visit is None or field.of_visitor is not None:
            return self._places.get(field.name, b"")
        return super()._place_of(field, facts)

    def _part_of(self, field: Field) -> Part | None:
        """Give what fills a field's place; None: it has none, or shares another one's."""
        if field in self._of_audience[:1]:
            audiences = self._audiences
            return lambda more: audiences[more.audience]
        if field in self._of_query[:1]:
            return lambda more: self._asked(more.asked) if more.asked is not None else b""
        if field in self._measured[:1]:
            return self._part_of_amounts()
        return self._part_of_visitor(field, field.of_visitor) if field.of_visitor else None

    def _part_of_amounts(self) -> Part:
        text = b"".join(self._lead(field) + b"%d" for field in self._measured)
        places = [field.of_amount for field in self._measured if field.of_amount is not None]
        if places == list(Amount):
            return lambda more: text % more.amounts
        return lambda more: text % tuple([more.amounts[place] for place in places])

    def _part_of_visitor(self, field: Field, read: Callable[[Statistics], object]) -> Part:
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
            return lead + encode(value) if value else b""

        return part

    def _audience(self, audience: Audience) -> bytes:
        values = [(one, one.of_audience(audience)) for one in self._of_audience if one.of_audience]
        return b"".join([self._text(field, value) for field, value in values])

    def _asked(self, asked: Asked) -> bytes:
        values = [(one, one.of_query(asked)) for one in self._of_query if one.of_query]
        return b"".join([self._text(field, value) for field, value in values])
