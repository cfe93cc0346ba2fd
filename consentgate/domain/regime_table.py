"""Owns the table of regimes: rows by place and date, and what the operator lays over them.

Never knows the file it came from: rows are built from plain mappings, all faults named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from consentgate.domain.regimes import (
    NOWHERE,
    Model,
    Place,
    Regime,
    place_of,
    stricter,
    tightened,
)
from consentgate.memo import Memo


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table: the rules of a place, where they come from, and since when."""

    regime: Regime
    name: str = ""
    gpc: str = "none"
    """``binding``, ``conditional``, ``objection`` or ``none``."""
    dnt: str = "none"
    """``objection``, ``disclosure``, ``offer`` or ``none``."""
    exempt: str = ""
    """What the law exempts, in words; consentgate itself exempts only what is necessary."""
    note: str = ""
    source: str = ""
    reviewed: dt.date = dt.date(1970, 1, 1)
    confidence: str = "house"
    """``secondary``, ``unverified`` or ``house``."""
    valid_from: dt.date | None = None
    """The day the model takes effect; None: it is in force."""
    until_then: Model | None = None
    """What holds before ``valid_from``."""

    def on(self, day: dt.date) -> Regime:
        """The rules as they stand on a day (JUR-06)."""
        if self.valid_from is None or day >= self.valid_from:
            return self.regime
        return replace(
            self.regime,
            model=self.until_then or Model.NOTICE,
            asks_before_sale=False,
            is_gpc_binding=False,
            shows_signal_status=False,
            has_opt_out_link=False,
        )


_MOST_FOUND = 4_096
GPC_WORDS = ("binding", "conditional", "objection", "none")
DNT_WORDS = ("objection", "disclosure", "offer", "none")
CONFIDENCE_WORDS = ("secondary", "unverified", "house")
_MODELS = tuple(model.value for model in Model)
_KINDS: Mapping[str, tuple[type, tuple[str, ...]]] = MappingProxyType(
    {
        "model": (str, _MODELS),
        "until_then": (str, _MODELS),
        "gpc": (str, GPC_WORDS),
        "dnt": (str, DNT_WORDS),
        "confidence": (str, CONFIDENCE_WORDS),
        "asks_before_sale": (bool, ()),
        "opt_out_link": (bool, ()),
        "shows_signal_status": (bool, ()),
        "reask_days": (int, ()),
        "lifetime_days": (int, ()),
        "minor_age": (int, ()),
        "name": (str, ()),
        "exempt": (str, ()),
        "note": (str, ()),
        "source": (str, ()),
        "reviewed": (dt.date, ()),
        "valid_from": (dt.date, ()),
    }
)
"""Every key of a row: its kind, and the words it may be."""
ROW_KEYS = tuple(_KINDS)
_MOST = {"reask_days": 400, "lifetime_days": 760, "minor_age": 21}


def row_problem(key: str, value: object) -> str:
    """What is wrong with one key of a row, in words; empty where nothing is."""
    if key not in _KINDS:
        return f"expected one of {', '.join(ROW_KEYS)}"
    kind, words = _KINDS[key]
    if words and value not in words:
        return f"expected {', '.join(words)}"
    if type(value) is not kind:
        names = {bool: "true or false", int: "a whole number", str: "text", dt.date: "a date"}
        return f"expected {names[kind]}"
    if isinstance(value, int) and not 0 <= value <= _MOST.get(key, 1):
        return f"expected 0 to {_MOST[key]}"
    return ""


def row_of(code: str, facts: Mapping[str, object], *, reviewed: dt.date) -> Row:
    """Make a row of what a table says.

    Raises:
        ValueError: a key or a value that no row has, or no model.
    """
    for key, value in facts.items():
        problem = row_problem(key, value)
        if problem:
            raise ValueError(f"{code}: {key} = {value!r}: {problem}")
    if "model" not in facts:
        raise ValueError(f"{code}: model: is missing")
    given = dict(facts)
    gpc = str(given.pop("gpc", "none"))
    regime = Regime(
        code=code,
        model=Model(str(given.pop("model"))),
        is_gpc_binding=gpc in ("binding", "conditional"),
        has_opt_out_link=bool(given.pop("opt_out_link", False)),
        **{name: given.pop(name) for name in _OF_REGIME if name in given},  # type: ignore[arg-type]  # checked above
    )
    until_then = given.pop("until_then", None)
    given.setdefault("reviewed", reviewed)
    return Row(
        regime=regime,
        gpc=gpc,
        until_then=Model(str(until_then)) if until_then else None,
        **given,  # type: ignore[arg-type]  # checked above
    )


_OF_REGIME = frozenset(_KINDS) & frozenset(item.name for item in fields(Regime)) - {"model"}


@dataclass(frozen=True, kw_only=True)
class RegimeTable:
    """Every place's row, and what the operator lays over it."""

    rows: Mapping[str, Row]
    """ISO codes, ``EU``, ``US-*``, ``CA-*`` and ``ZZ`` to their rows."""
    reviewed: dt.date
    """The day the whole table was last gone through."""
    floor: Model = Model.NOTICE
    """No visitor gets a milder model."""
    establishment: str = ""
    """Code of where the operator is established: its rules hold for everyone (JUR-04)."""
    fixed: str = ""
    """A model or a place whose rules hold for everyone, wherever they are."""
    _found: Memo[tuple[Place, dt.date, Place], Regime] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_found", Memo(self._resolve, _MOST_FOUND))

    def row(self, place: Place) -> Row:
        """The row of a place: its subdivision's, its country's, the EU's, else the strictest."""
        rows = self.rows
        if place.subdivision:
            found = rows.get(place.code) or rows.get(f"{place.country}-*")
            if found is not None:
                return found
        found = rows.get(place.country)
        if found is None and place.is_in_european_union:
            found = rows.get("EU")
        return found or rows["ZZ"]

    def regime(self, place: Place, day: dt.date, residence: Place = NOWHERE) -> Regime:
        """The rules for a visitor: of the place, never milder than residence and floor.

        Args:
            place: where the visitor is.
            day: today, UTC; a clock that stands before the table's review is not believed.
            residence: where an account says the visitor lives; it only tightens (JUR-05).
        """
        return self._found[place, day, residence]

    def regime_of_row(self, row: Row, day: dt.date) -> Regime:
        """What a row comes to on a day under floor and establishment, for reports."""
        return self._raised(row.on(max(day, self.reviewed)), max(day, self.reviewed))

    def _resolve(self, question: tuple[Place, dt.date, Place]) -> Regime:
        place, today, residence = question
        day = max(today, self.reviewed)
        regime = self._base(place, day)
        if residence != NOWHERE:
            home = self.row(residence).on(day)
            code = regime.code if home.code == regime.code else f"{regime.code}+{home.code}"
            regime = tightened(regime, home, code=code)
        return self._raised(regime, day)

    def _raised(self, regime: Regime, day: dt.date) -> Regime:
        if self.establishment:
            regime = tightened(regime, self.row(place_of(self.establishment)).on(day))
        return replace(regime, model=stricter(regime.model, self.floor))

    def _base(self, place: Place, day: dt.date) -> Regime:
        if self.fixed in _MODELS:
            return Regime(code="ZZ", model=Model(self.fixed))
        return self.row(place_of(self.fixed) if self.fixed else place).on(day)


def regime_table(
    document: Mapping[str, object],
    overrides: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    *,
    floor: str = "",
    establishment: str = "",
    fixed: str = "",
) -> RegimeTable:
    """Make the table of a document, with the policy's overrides laid over it row by row.

    Args:
        document: ``reviewed``, and ``regime`` from code to facts.
        overrides: code to facts that replace the document's of the same key.
        floor: model below which nobody gets; empty: none.
        establishment: country code of the operator; empty: it sets no floor.
        fixed: model or code that holds for everyone; empty: by place.

    Raises:
        ValueError: a row that cannot be; the policy's own check comes before it.
    """
    reviewed = document["reviewed"]
    shipped = document["regime"]
    if not isinstance(reviewed, dt.date) or not isinstance(shipped, Mapping):
        raise ValueError("expected reviewed = a date and tables [regime.CODE]")
    rows = {
        code: row_of(code, {**shipped.get(code, {}), **overrides.get(code, {})}, reviewed=reviewed)
        for code in {**shipped, **overrides}
    }
    return RegimeTable(
        rows=MappingProxyType(rows),
        reviewed=reviewed,
        floor=Model(floor) if floor else Model.NOTICE,
        establishment=establishment,
        fixed=fixed,
    )
