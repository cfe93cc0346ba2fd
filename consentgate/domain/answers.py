"""Owns how a policy answers a browser's signals: what each switches off, by the decision itself.

Never knows a visitor: the answer is the same for everyone, and is what the site says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consentgate.domain.decision import Verdict, decide
from consentgate.domain.policy.policy import Policy, Service
from consentgate.domain.regimes import Model, Regime
from consentgate.domain.signals import NONE, Signals

_PERMITTING = Regime(code="ZZ", model=Model.NOTICE)
"""Where silence permits everything, so that what is denied is denied by the signal."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one signal does under a policy (SIG-34; Cal. B&P 22575(b)(5))."""

    setting: str
    """``everywhere``, ``binding`` (where the law obliges) or ``off``."""
    purposes: tuple[str, ...] = ()
    """Purposes that it switches off, in policy order."""
    services: tuple[str, ...] = ()
    """Services that it switches off although their purposes go on (TPD-06)."""


def answer_to_gpc(policy: Policy) -> Answer:
    """What Global Privacy Control does here."""
    return _answer(policy, policy.signals.gpc, Signals(gpc=True))


def answer_to_dnt(policy: Policy) -> Answer:
    """What Do Not Track does here."""
    return _answer(policy, policy.signals.dnt, Signals(dnt=True))


def followers(policy: Policy) -> tuple[Service, ...]:
    """Services that may follow people over time and across sites (TPD-03; 22575(b)(6))."""
    return tuple(service for service in policy.services if service.is_cross_site)


def _answer(policy: Policy, setting: str, signal: Signals) -> Answer:
    if setting == "off":
        return Answer("off")
    silent = decide(policy, _PERMITTING, NONE, None, 0)
    told = decide(policy, _PERMITTING, signal, None, 0)
    purposes = _switched_off(silent.purposes, told.purposes)
    services = tuple(
        key
        for key in _switched_off(silent.services, told.services)
        if not set(policy.service_by_key[key].purposes) & set(purposes)
    )
    return Answer(setting, purposes, services)


def _switched_off(before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> tuple[str, ...]:
    return tuple(
        key for key, verdict in before.items() if verdict.is_granted and not after[key].is_granted
    )
