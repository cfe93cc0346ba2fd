"""Owns the rules a visitor's place brings; never knows how the place was found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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


UNKNOWN = Regime(code="ZZ", model=Model.OPT_IN)
"""The strictest: for visitors whose place is not known."""


def stricter(one: Model, other: Model) -> Model:
    """The more protective of two models."""
    return max(one, other, key=STRICTNESS.index)
