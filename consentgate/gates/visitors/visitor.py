"""Owns who asks, as far as anyone knows: rules, signals, choice; never what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from consentgate.domain.choices import Choice
from consentgate.domain.regimes import UNKNOWN, Regime
from consentgate.domain.signals import NONE, Signals
from consentgate.gates.records.callers import Caller


class OwnCookies(NamedTuple):
    """What a browser brings back of what the gate left with it."""

    tokens: Sequence[bytes] = ()
    """The tokens, as they came."""
    has_once: bool = False
    """Whether there is the cookie for what is granted for the browser's session."""
    news: Sequence[bytes] = ()
    """What it says of changes to come that were read."""


NO_COOKIES = OwnCookies()


Placed = tuple[Regime, str | None]
"""Rules of a visitor's place, and its country: ISO 3166-1; empty: not known, None: not looked up.
Where all visitors of a moment are placed alike, each gets the same object."""
NOT_PLACED: Placed = (UNKNOWN, None)


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
    own: OwnCookies = NO_COOKIES
    """Our own cookies that the browser brought."""

    @property
    def is_bot(self) -> bool:
        """Whether a program reads, not a person."""
        return self.caller is not None and self.caller.is_crawler
