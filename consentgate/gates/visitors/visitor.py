"""Owns who asks, as far as anyone knows: rules, signals, choice; never what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from consentgate.domain.choices import Choice
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import NONE, Signals
from consentgate.gates.records.callers import Caller


class Visitor(NamedTuple):
    """Who asks; nothing in it changes."""

    regime: Regime
    """Rules of the visitor's place."""
    signals: Signals = NONE
    """What the browser states and the policy lets count."""
    choice: Choice | None = None
    """What the visitor said, by their own tokens; None: nothing that counts."""
    is_minor: bool = False
    """Whether the app knows the visitor to be below the regime's age."""
    caller: Caller | None = None
    """What the User-Agent says; None: it was not read."""
    country: str | None = None
    """ISO 3166-1; empty: not known, None: not looked up."""
    tokens: Sequence[bytes] = ()
    """The tokens that the browser brought, as they came."""
    has_once: bool = False
    """Whether the browser brought the cookie for what is granted for its session."""
    news: Sequence[bytes] = ()
    """What the browser says it has read of changes to come."""

    @property
    def is_bot(self) -> bool:
        """Whether a program reads, not a person."""
        return self.caller is not None and self.caller.is_crawler
