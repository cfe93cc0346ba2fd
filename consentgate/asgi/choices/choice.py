"""Owns the choice that an act amounts to, given the one before it; never records or signs it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from consentgate.asgi.choices.acts import Act
from consentgate.domain.choices import Choice
from consentgate.domain.decision import Decision, Reason
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import Model
from consentgate.domain.signals import NONE, Signals
from consentgate.gates.outcomes import Outcome


def make_choice(act: Act, before: Choice | None, outcome: Outcome, now: int) -> Choice:
    """Make the choice that an act amounts to.

    Args:
        act: what the visitor asks for.
        before: what the visitor said before, if anything.
        outcome: what the visitor permits now.
        now: whole seconds since the epoch.
    """
    policy = outcome.plan.policy
    optional = [purpose.key for purpose in policy.optional_purposes]
    purposes: Mapping[str, bool]
    services: Mapping[str, bool] = {}
    made_at = now
    if act.kind == "accept":
        purposes = dict.fromkeys(optional, True)
    elif act.kind == "save":
        purposes = act.purposes
        services = _beside_purposes(services_said(before, act), purposes, policy)
    elif act.kind == "service":
        standing = None if act.is_once else still_valid(before, act, outcome.decision)
        purposes = dict(standing.purposes) if standing else {}
        services = services_said(standing, act)
        made_at = standing.made_at if standing and standing.grants_anything else made_at
    elif act.kind == "signal":
        return _signalled(before, now)
    elif act.kind == "dismiss" and outcome.regime.model is not Model.OPT_IN:
        purposes = dict(before.purposes) if before else {}
        services = before.services if before else {}
        made_at = before.made_at if before else made_at
    else:
        purposes = dict.fromkeys(optional, False)
    seen = outcome.decision.signals
    choice = Choice(
        made_at=made_at,
        purposes=MappingProxyType(dict(purposes)),
        services=MappingProxyType(dict(services)),
        told=Signals(act.told.gpc and seen.gpc, act.told.dnt and seen.dnt),
        signalled=before.signalled if before else NONE,
    )
    return _with_id(choice) if choice.grants_anything else choice


def still_valid(before: Choice | None, act: Act, verdicts: Decision) -> Choice | None:
    """What stands of an earlier choice beside a new grant for one service.

    The new grant must not bring back what has lapsed, nor what a signal overrules: being told of
    a signal beside one service says nothing about the others (SIG-06).
    """
    if before is None:
        return None
    reasons = [verdict.reason for verdict in verdicts.purposes.values()]
    if Reason.EXPIRED in reasons:
        return before.denials
    if not (act.told.gpc > before.told.gpc or act.told.dnt > before.told.dnt):
        return before
    return replace(
        before,
        purposes={key: said and verdicts.allows(key) for key, said in before.purposes.items()},
        services={key: said and verdicts.allows(key) for key, said in before.services.items()},
    )


def with_session_grants(choice: Choice, before: Choice | None) -> Choice:
    """The grant for this session together with those before it in the same session."""
    if before is None or not before.once:
        return choice
    told = Signals(
        choice.told.gpc and before.once_told.gpc, choice.told.dnt and before.once_told.dnt
    )
    services = {**dict.fromkeys(before.once, True), **choice.services}
    return replace(choice, services=MappingProxyType(services), told=told)


def _signalled(before: Choice | None, now: int) -> Choice:
    """SIG-16: a script saw ``navigator.globalPrivacyControl`` where no header came."""
    return Choice(
        made_at=before.made_at if before else now,
        is_explicit=before is not None and before.is_explicit,
        purposes=before.purposes if before else MappingProxyType({}),
        services=before.services if before else MappingProxyType({}),
        signalled=Signals(gpc=True, dnt=bool(before and before.signalled.dnt)),
        id=before.id if before else "",
    )


def _with_id(choice: Choice) -> Choice:
    return Choice(
        made_at=choice.made_at,
        purposes=choice.purposes,
        services=choice.services,
        told=choice.told,
        signalled=choice.signalled,
        id=secrets.token_hex(16),
    )


def services_said(before: Choice | None, act: Act) -> dict[str, bool]:
    """What has been said of single services by now."""
    said = {**(before.services if before else {}), **act.services}
    return {key: value for key, value in said.items() if value is not None}


def _beside_purposes(
    services: Mapping[str, bool], purposes: Mapping[str, bool], policy: Policy
) -> dict[str, bool]:
    """What was said of single services where it differs from what their purposes say."""
    return {
        key: said
        for key, said in services.items()
        if said
        != all(purposes.get(purpose, True) for purpose in policy.service_by_key[key].purposes)
    }
