"""Owns the decision: what this request may do, per purpose and service, and why.

One pure, total function. Its order of rules is the table PRECEDENCE; the code only walks it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.policy.policy import Policy, Service
from consentgate.domain.policy.purposes import Purpose
from consentgate.domain.regimes import Model, Regime
from consentgate.domain.signals import NONE, Signals

CLOCK_LEEWAY_SECONDS = 300
"""How far ahead another server's clock may run before a choice counts as future-dated."""

EARLIEST = 1_767_225_600
"""2026-01-01: no notice of ours is older, so no choice is (VER-07)."""


class Reason(enum.Enum):
    """Why a verdict is what it is; the value is what a developer reads."""

    NECESSARY = "necessary for what the visitor asked for"
    MINOR = "barred for a visitor known to be a minor"
    CHOSEN = "the visitor granted it"
    REFUSED = "the visitor refused it"
    GPC = "the browser sends Global Privacy Control"
    GPC_REMEMBERED = "the browser sent Global Privacy Control before"
    DNT = "the browser sends Do-Not-Track"
    DNT_REMEMBERED = "the browser sent Do-Not-Track before"
    SILENCE_DENIES = "the visitor has not been heard and the regime asks for opt-in"
    SILENCE_GRANTS = "the visitor has not objected and the regime asks for opt-out"
    EXPIRED = "the visitor's grant has expired"
    CHANGED = "it means something else since the visitor's choice"
    PURPOSE_DENIED = "a purpose that it serves is denied"
    UNDECLARED = "the policy does not declare it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one purpose or service may be used now, and why."""

    is_granted: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict per purpose and per service, in policy order."""

    purposes: Mapping[str, Verdict]
    services: Mapping[str, Verdict]
    asks: tuple[str, ...]
    """Purposes and services the visitor is to be asked about now; empty: no banner."""
    signals: Signals
    """What counts: stated now or remembered."""

    def allows(self, key: str) -> bool:
        """Whether the purpose or service may be used; anything undeclared may not."""
        verdict = self.purposes.get(key) or self.services.get(key)
        return verdict is not None and verdict.is_granted

    def why(self, key: str) -> Reason:
        """Why ``allows`` answers what it answers."""
        verdict = self.purposes.get(key) or self.services.get(key)
        return Reason.UNDECLARED if verdict is None else verdict.reason


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything the rules look at for one purpose, or one service asked for by name."""

    purpose: Purpose
    model: Model
    is_minor: bool
    signals: Signals
    remembered: Signals
    told: Signals
    said: bool | None
    is_expired: bool
    is_sale: bool
    """GPC denies it."""
    is_tracked: bool
    """``DNT: 1`` denies it."""
    is_changed: bool = False


def _necessary(case: _Case) -> Verdict | None:
    return Verdict(True, Reason.NECESSARY) if case.purpose.is_necessary else None


def _minor(case: _Case) -> Verdict | None:
    is_barred = case.is_minor and case.purpose.is_barred_for_minors
    return Verdict(False, Reason.MINOR) if is_barred else None


def _refused(case: _Case) -> Verdict | None:
    """A refusal stands; after its time the visitor may be asked again where that is due, but
    where silence grants it goes on denying (Civ. Code 1798.135(a)(4); VER-04)."""
    is_refused = case.said is False and (not case.is_expired or case.model is not Model.OPT_IN)
    return Verdict(False, Reason.REFUSED) if is_refused else None


def _gpc(case: _Case) -> Verdict | None:
    """SIG-05, SIG-06: GPC denies sale and share, also a grant made without being told."""
    if not case.is_sale or (_is_granted(case) and case.told.gpc):
        return None
    if case.signals.gpc:
        return Verdict(False, Reason.GPC)
    return Verdict(False, Reason.GPC_REMEMBERED) if case.remembered.gpc else None


def _dnt(case: _Case) -> Verdict | None:
    """SIG-19: ``DNT: 1`` objects to tracking; ``DNT: 0`` is never consent (SIG-20)."""
    if not case.is_tracked or (_is_granted(case) and case.told.dnt):
        return None
    if case.signals.dnt:
        return Verdict(False, Reason.DNT)
    return Verdict(False, Reason.DNT_REMEMBERED) if case.remembered.dnt else None


def _granted(case: _Case) -> Verdict | None:
    return Verdict(True, Reason.CHOSEN) if _is_granted(case) else None


def _silence(case: _Case) -> Verdict:
    if case.model is not Model.OPT_IN:
        return Verdict(True, Reason.SILENCE_GRANTS)
    if case.is_changed:
        return Verdict(False, Reason.CHANGED)
    is_lapsed = case.is_expired and case.said is True
    return Verdict(False, Reason.EXPIRED if is_lapsed else Reason.SILENCE_DENIES)


def _is_granted(case: _Case) -> bool:
    return case.said is True and not case.is_expired


PRECEDENCE: tuple[Callable[[_Case], Verdict | None], ...] = (
    _necessary,
    _minor,
    _refused,
    _gpc,
    _dnt,
    _granted,
    _silence,
)
"""The first rule that answers decides (SIG-21)."""


def _verdict(case: _Case) -> Verdict:
    for rule in PRECEDENCE:
        verdict = rule(case)
        if verdict is not None:
            return verdict
    return Verdict(False, Reason.SILENCE_DENIES)


def is_dated(choice: Choice, now: int) -> bool:
    """Whether a choice can have been made when it says so; else only its denials count."""
    return EARLIEST <= choice.made_at <= now + CLOCK_LEEWAY_SECONDS


def decide(
    policy: Policy,
    regime: Regime,
    signals: Signals,
    choice: Choice | None,
    now: int,
    *,
    is_minor: bool = False,
) -> Decision:
    """Say for every purpose and service whether this request may use it, and why.

    The strictest rule wins, in the order of PRECEDENCE (SIG-21).

    Args:
        policy: what the operator declares.
        regime: rules of the visitor's place; UNKNOWN is the strictest.
        signals: what the browser states on this request.
        choice: the last choice, None if there is none or its token was not valid.
        now: whole seconds since the epoch, UTC.
        is_minor: whether the app knows the visitor to be below the regime's age.

    Returns:
        One verdict per purpose and per service, in policy order. Never raises.
    """
    if choice is not None and not is_dated(choice, now):
        choice = choice.denials  # VER-07
    ages = Ages.of(policy, regime, choice.made_at if choice else now, now)
    remembered = choice.signalled if choice is not None else NONE

    def judge(
        purpose: Purpose,
        said: bool | None,
        is_changed: bool = False,
        *,
        is_shared: bool = False,
        is_once: bool = False,
    ) -> Verdict:
        told = (choice.once_told if is_once else choice.told) if choice else NONE
        return _verdict(
            _Case(
                purpose=purpose,
                model=regime.model_for(purpose.is_sale_or_share),
                is_minor=is_minor,
                signals=signals,
                remembered=remembered,
                told=told,
                said=said,
                is_expired=not is_once and ages.has_lapsed(said),
                is_sale=is_shared or purpose.is_sale_or_share,
                is_tracked=purpose.is_tracking or bool(policy.site.eff_dnt_policy),
                is_changed=is_changed,
            )
        )

    purposes = {
        purpose.key: judge(purpose, choice.purposes.get(purpose.key) if choice else None)
        for purpose in policy.purposes
    }
    services = {
        service.key: _of_service(policy, service, purposes, choice, judge)
        for service in policy.services
    }
    return Decision(
        purposes=purposes,
        services=services,
        asks=_asks(regime, signals | remembered, choice, ages, purposes, services),
        signals=Signals(signals.gpc or remembered.gpc, signals.dnt or remembered.dnt),
    )


def _of_service(
    policy: Policy,
    service: Service,
    purposes: Mapping[str, Verdict],
    choice: Choice | None,
    judge: Callable[..., Verdict],
) -> Verdict:
    """A service may run if all its purposes may, unless something was said of it alone."""
    said = choice.services.get(service.key) if choice else None
    is_changed = choice is not None and service.key in choice.changed
    own = tuple(policy.purpose_by_key[key] for key in service.purposes)
    is_once = choice is not None and service.key in choice.once
    if said is not None or is_once:
        verdicts = tuple(
            judge(purpose, is_once or said, is_shared=service.is_shared, is_once=is_once)
            for purpose in own
        )
    elif service.is_shared and not is_changed:
        heard = choice.purposes if choice else {}
        verdicts = tuple(judge(purpose, heard.get(purpose.key), is_shared=True) for purpose in own)
    elif is_changed:
        # What was granted of these purposes did not speak of the service as it is now (VER-09).
        verdicts = tuple(
            judge(purpose, None, True, is_shared=service.is_shared)
            if purposes[purpose.key].reason is Reason.CHOSEN
            else purposes[purpose.key]
            for purpose in own
        )
    else:
        verdicts = tuple(purposes[purpose.key] for purpose in own)
    for verdict in verdicts:
        if not verdict.is_granted:
            return verdict
    return verdicts[-1] if verdicts else Verdict(False, Reason.PURPOSE_DENIED)


@dataclass(frozen=True, slots=True)
class Ages:
    """What has lapsed of a choice by now: grants and refusals age apart (COL-26, VER-06)."""

    grants_lapsed: bool
    refusals_lapsed: bool

    @classmethod
    def of(cls, policy: Policy, regime: Regime, made_at: int, now: int) -> Ages:
        """Count in whole seconds; a regime may shorten grants and lengthen refusals."""
        grants_end, refusals_end = cls.limits(policy, regime, made_at)
        return cls(now >= grants_end, now >= refusals_end)

    @staticmethod
    def limits(policy: Policy, regime: Regime, made_at: int) -> tuple[int, int]:
        """When grants and refusals of that moment lapse: whole seconds since the epoch."""
        grant_days = policy.lifetimes.grant_days
        if regime.lifetime_days is not None:
            grant_days = min(grant_days, regime.lifetime_days)
        refusal_days = max(policy.lifetimes.refusal_days, regime.reask_days)
        return made_at + grant_days * DAY_SECONDS, made_at + refusal_days * DAY_SECONDS

    def has_lapsed(self, said: bool | None) -> bool:
        """Whether what was said no longer counts; silence does not lapse."""
        if said is None:
            return False
        return self.grants_lapsed if said else self.refusals_lapsed


def _asks(
    regime: Regime,
    signals: Signals,
    choice: Choice | None,
    ages: Ages,
    purposes: Mapping[str, Verdict],
    services: Mapping[str, Verdict],
) -> tuple[str, ...]:
    """What to ask about now: only under opt-in, never in answer to a signal (SIG-10, SIG-19)."""
    if not regime.can_ask or signals.dnt or signals.prefetch:
        return ()
    if choice is not None and choice.is_refusal and not ages.refusals_lapsed:
        return ()  # VER-04, VER-05
    unheard = (Reason.SILENCE_DENIES, Reason.EXPIRED, Reason.CHANGED)
    asked = [key for key, verdict in purposes.items() if verdict.reason in unheard]
    asked += [key for key, verdict in services.items() if verdict.reason is Reason.CHANGED]
    return tuple(asked)
