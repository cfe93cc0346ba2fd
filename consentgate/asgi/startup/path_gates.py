"""Owns which gates a path has: those of the site, or others where the policy has rules for it.

A rule makes another policy of the site's, and that policy its own plan and outcomes. So every gate
follows a rule without knowing that there is one.
"""

from __future__ import annotations

from dataclasses import replace

from consentgate.domain.policy.paths import PathRule
from consentgate.domain.policy.policy import Policy
from consentgate.gates.answer import Gates
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.plan import Plan
from consentgate.memo import Memo

_MOST = 64


class PathGates:
    """Finds the gates of a path."""

    def __init__(self, gates: Gates) -> None:
        """Prepare.

        Args:
            gates: those of the site.
        """
        self._gates = gates
        self._rules = gates.outcomes.plan.policy.paths
        self._made: Memo[tuple[PathRule, ...], Gates] = Memo(self._under, _MOST)

    def at(self, path: str) -> Gates:
        """The gates of a path of the app."""
        return self._made[tuple(rule for rule in self._rules if rule.covers(path))]

    def _under(self, rules: tuple[PathRule, ...]) -> Gates:
        if not rules:
            return self._gates
        said = next((rule.is_gated for rule in rules if rule.is_gated is not None), True)
        policy = _policy_under(self._gates.outcomes.plan.policy, rules)
        return replace(self._gates, outcomes=Outcomes(Plan(policy, is_gated=said)))


def _policy_under(policy: Policy, rules: tuple[PathRule, ...]) -> Policy:
    """The policy where these rules hold; of several that say the same thing the first counts."""
    for rule in reversed(rules):
        site = policy.site
        site = replace(
            site,
            csp=rule.csp or site.csp,
            banner=rule.banner or site.banner,
            unknown_hosts=rule.unknown_hosts or site.unknown_hosts,
        )
        policy = replace(policy, site=site)
    is_logged = next((rule.is_logged for rule in rules if rule.is_logged is not None), True)
    return policy if is_logged else replace(policy, log=replace(policy.log, directory=""))
