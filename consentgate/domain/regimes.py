"""Owns the rules a visitor's place brings; never knows how the place was found."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_CODE = re.compile(r"[A-Z]{2}")
_PART = re.compile(r"[A-Z0-9]{1,3}")
_SAME = {"UK": "GB", "EL": "GR"}
"""Codes that some sources use for a country instead of its ISO code."""
_DIVIDED = frozenset(("US", "CA"))
"""Countries whose subdivisions have rules of their own; no other subdivision is kept."""


class Model(enum.StrEnum):
    """What holds before a visitor has said anything."""

    OPT_IN = "opt-in"
    """Nothing optional happens before a grant."""
    OPT_OUT = "opt-out"
    """It may happen until the visitor or a signal objects."""
    NOTICE = "notice"
    """It may happen, the visitor is told, and may object."""


STRICTNESS = (Model.NOTICE, Model.OPT_OUT, Model.OPT_IN)
"""From the least to the most protective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """The rules of one place; days and ages are whole numbers."""

    code: str
    """``FR``, ``US-CA``, ``CA-QC``; ``ZZ`` where the place is unknown."""
    model: Model
    asks_before_sale: bool = False
    """Purposes that sell or share need opt-in although the model is milder (CH)."""
    reask_days: int = 180
    """A refusal is not followed by a new prompt inside this interval (VER-04)."""
    lifetime_days: int | None = None
    """Longest a grant holds here; None leaves it to the policy."""
    minor_age: int = 16
    """A visitor below it is a minor."""
    is_gpc_binding: bool = False
    """The law obliges; GPC is honoured everywhere regardless (JUR-07)."""
    shows_signal_status: bool = False
    """The page must say that a signal was honoured (11 CCR 7025(c)(6))."""
    has_opt_out_link: bool = False
    """The page must carry a "Your Privacy Choices" link (COL-18)."""

    def __hash__(self) -> int:
        return hash(self.code)

    def model_for(self, is_sale_or_share: bool) -> Model:
        """What holds for a purpose before a word was said."""
        return Model.OPT_IN if self.asks_before_sale and is_sale_or_share else self.model

    @property
    def can_ask(self) -> bool:
        """Whether anything here waits for a grant."""
        return self.model is Model.OPT_IN or self.asks_before_sale


UNKNOWN = Regime(code="ZZ", model=Model.OPT_IN, lifetime_days=180, minor_age=20)
"""The strictest: for visitors whose place is not known."""


def stricter(one: Model, other: Model) -> Model:
    """The more protective of two models."""
    return max(one, other, key=STRICTNESS.index)


def tightened(one: Regime, other: Regime, *, code: str = "") -> Regime:
    """The rules that satisfy both: never milder than either (JUR-04, JUR-05).

    Args:
        one: its code is kept where ``code`` is empty.
        other: adds its rules.
        code: what the result is called.
    """
    lifetimes = [days for days in (one.lifetime_days, other.lifetime_days) if days is not None]
    return Regime(
        code=code or one.code,
        model=stricter(one.model, other.model),
        asks_before_sale=one.asks_before_sale or other.asks_before_sale,
        reask_days=max(one.reask_days, other.reask_days),
        lifetime_days=min(lifetimes) if lifetimes else None,
        minor_age=max(one.minor_age, other.minor_age),
        is_gpc_binding=one.is_gpc_binding or other.is_gpc_binding,
        shows_signal_status=one.shows_signal_status or other.shows_signal_status,
        has_opt_out_link=one.has_opt_out_link or other.has_opt_out_link,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is, as coarsely as the rules need it: all that is kept of an address."""

    country: str = ""
    """ISO 3166-1 alpha-2; empty where it is not known."""
    subdivision: str = ""
    """ISO 3166-2 part of ``US`` and ``CA`` without the country; else empty."""
    is_in_european_union: bool = False
    """A database says so, whatever the country's code (JUR-01)."""

    @property
    def code(self) -> str:
        """``FR``, ``US-CA``; empty where it is not known."""
        return f"{self.country}-{self.subdivision}" if self.subdivision else self.country


NOWHERE = Place()
"""A place nobody knows."""


def place_of(
    country: object, subdivision: object = "", *, is_in_european_union: bool = False
) -> Place:
    """Make a place of what a database, a header or an app says; anything odd is unknown.

    Args:
        country: ``FR``, ``us`` or ``US-CA``; pseudo codes such as ``XX`` and ``T1`` are unknown.
        subdivision: ``CA`` or ``US-CA``; kept for the United States and Canada only.
        is_in_european_union: what a database says beside the code.
    """
    text = country.strip().upper() if isinstance(country, str) else ""
    text, _, inner = text.partition("-")
    text = _SAME.get(text, text)
    if text == "EU":
        return Place("", "", True)
    if not _CODE.fullmatch(text) or text in ("XX", "ZZ", "AP"):
        return Place("", "", is_in_european_union)
    part = subdivision.strip().upper() if isinstance(subdivision, str) else ""
    part = part.removeprefix(f"{text}-") or inner
    keeps_part = text in _DIVIDED and _PART.fullmatch(part)
    return Place(text, part if keeps_part else "", is_in_european_union)
