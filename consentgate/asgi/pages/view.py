"""Owns what the pages need to know of one visit."""

from __future__ import annotations

from dataclasses import dataclass

from consentgate.domain.choices import Choice
from consentgate.domain.decision import Decision
from consentgate.domain.policy.policy import Announcement
from consentgate.domain.regimes import Model, Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the pages need to know of one visit."""

    language: str
    regime: Regime
    decision: Decision
    choice: Choice | None
    root: str
    """Address of the choices page, with the app's mount path."""
    next: str
    """Path and query to return to."""
    source: str = "banner"
    is_https: bool = False
    problem: str = ""
    """Code of a problem to explain, such as ``notice_outdated``."""
    needs: str = ""
    """Purpose or service that a feature needs and that is denied; empty: none."""
    state: str = ""
    """The visitor's state as JSON; empty where the page is for everyone and the script asks."""
    nonce: str = ""
    """The nonce that the page's own Content-Security-Policy gives out."""
    is_bound: bool = False
    """The page's policy keeps what a grant permits from it: the script loads the page anew."""
    is_sent: bool = False
    """Whether the page answers a form: loaded anew, it would send the form again."""
    is_framed: bool = False
    """The page stands in a frame: its note is that of the page around it, or none can be kept."""
    is_ahead: bool = False
    """The page is fetched ahead of a visitor who may be asked: it asks when it is opened."""
    is_bot: bool = False
    """Nobody reads: no first layer (COL-27)."""
    reports_interest: bool = False
    """The page tells the server which declared features are used."""
    news: Announcement | None = None
    """A change to come that this visitor has not read of yet (VER-03)."""

    @property
    def can_withdraw(self) -> bool:
        """Whether the visitor has granted anything that can be taken back."""
        return self.choice is not None and bool(self.choice.grants_anything or self.choice.once)

    @property
    def shape(self) -> str:
        """What the page opens with: ``ask``, ``notice``, or the ``link`` back alone.

        Nothing opens in answer to a signal (SIG-10), and nothing after a choice.
        """
        if self.is_bot or self.is_framed:
            return "link"
        if self.decision.asks or self.is_ahead:
            return "ask"
        is_heard = self.choice is not None and self.choice.is_explicit
        is_told = is_heard or self.decision.signals.is_set or self.decision.signals.prefetch
        return "notice" if self.regime.model is Model.NOTICE and not is_told else "link"
