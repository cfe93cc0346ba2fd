"""Owns the visitor's state as JSON, for our script, for headless sites and for tag vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from consentgate.domain.choices import Choice
from consentgate.domain.decision import Decision
from consentgate.domain.policy.policy import Match, Policy
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import Signals
from consentgate.gates.outcomes import Outcome, once_per_outcome

GOOGLE_MODES: Mapping[str, str] = {
    "ad_storage": "marketing",
    "ad_user_data": "marketing",
    "ad_personalization": "marketing",
    "analytics_storage": "statistics",
    "functionality_storage": "functional",
    "personalization_storage": "functional",
    "security_storage": "necessary",
}
"""Consent Mode v2's seven types to the purpose that grants them (INT-01)."""
_FEWEST_LETTERS = 2
"""A pattern with fewer would mean the keys of others, too."""
MICROSOFT_MODES: Mapping[str, str] = {"ad_storage": "marketing"}
"""Microsoft UET has one."""


def signal_names(decision: Decision) -> list[str]:
    """The signals that count on this visit, by name."""
    pairs = (("gpc", decision.signals.gpc), ("dnt", decision.signals.dnt))
    return [name for name, is_set in pairs if is_set]


@once_per_outcome
def would_signal_count(outcome: Outcome) -> bool:
    """Whether Global Privacy Control, stated to scripts alone, would deny more (SIG-16)."""
    if outcome.decision.signals.gpc:
        return False
    signalled = outcome.with_signals(Signals(gpc=True, dnt=outcome.signals.dnt))
    return signalled.denied_purposes != outcome.denied_purposes


def modes_of(decision: Decision) -> dict[str, dict[str, str]]:
    """What Google's and Microsoft's tags are told: ``granted`` or ``denied`` for each type."""
    return {
        vendor: {
            mode: "granted" if decision.allows(purpose) else "denied"
            for mode, purpose in modes.items()
        }
        for vendor, modes in (("google", GOOGLE_MODES), ("microsoft", MICROSOFT_MODES))
    }


def state_of(
    policy: Policy,
    regime: Regime,
    decision: Decision,
    choice: Choice | None,
    *,
    notice: str = "",
    signal_counts: bool = False,
) -> dict[str, Any]:
    """The visitor's state as a JSON object, for scripts and sites with their own interface.

    Args:
        policy: what the site declares.
        regime: rules of the visitor's place.
        decision: what this visitor permits now.
        choice: what was said, if anything.
        notice: hash of the notice that a grant has to name.
        signal_counts: whether Global Privacy Control, seen by a script only, would deny more.
    """
    state = short_state_of(policy, decision, choice, signal_counts=signal_counts)
    denied = [
        service for service in policy.services if not decision.services[service.key].is_granted
    ]
    state["regime"] = regime.code
    state["model"] = regime.model.value
    state["why"] = {key: verdict.reason.name.lower() for key, verdict in decision.purposes.items()}
    state["notice"] = notice
    state["remove"]["names"] = [
        {"name": item.name, "match": item.match.value}
        for service in denied
        for item in service.cookies
    ]
    return state


def short_state_of(
    policy: Policy, decision: Decision, choice: Choice | None, *, signal_counts: bool
) -> dict[str, Any]:
    """The part of the state that every page carries; cookies are the server's to expire."""
    state: dict[str, Any] = {
        "decided": choice is not None and choice.is_explicit,
        "granted": choice is not None and bool(choice.grants_anything or choice.once),
        "purposes": {key: verdict.is_granted for key, verdict in decision.purposes.items()},
        "services": {key: verdict.is_granted for key, verdict in decision.services.items()},
        "signals": signal_names(decision),
        "asks": list(decision.asks),
        "signal_counts": signal_counts,
        "remove": {
            "storage": [
                {"kind": key.kind.value, "name": key.name, "match": key.match.value}
                for service in policy.services
                if not decision.services[service.key].is_granted
                for key in service.storage
            ],
            "keys": _keys_like_cookies(policy, decision),
        },
    }
    if policy.site.consent_mode:
        state["modes"] = modes_of(decision)
    return state


def _keys_like_cookies(policy: Policy, decision: Decision) -> list[str]:
    """Names under which denied services keep once more what their cookies hold (STO-13).

    Vendors' scripts write the same identifier to ``localStorage``, so that it outlives the cookie
    (``_hjid`` beside ``_hjSession``). What a permitted service keeps under the same name stays.

    Returns:
        Exact names and globs, each once.
    """
    denied: dict[str, None] = {}
    granted: set[str] = set()
    for service in policy.services:
        names = [
            item.name + ("*" if item.match is Match.PREFIX else "")
            for item in service.cookies
            if len(item.name.replace("*", "").replace("?", "")) >= _FEWEST_LETTERS
        ]
        if decision.services[service.key].is_granted:
            granted.update(names)
        else:
            denied.update(dict.fromkeys(names))
    return [name for name in denied if name not in granted]


def compact(value: Mapping[str, Any]) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
