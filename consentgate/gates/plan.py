"""Owns all that follows from a policy alone, built once, and what follows from each decision.

A visit asks for an outcome; there are few distinct ones, so each is made once and kept.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property

from consentgate.domain.choices import Choice
from consentgate.domain.decision import CLOCK_LEEWAY_SECONDS, Ages, Decision, decide, is_dated
from consentgate.domain.policy.fingerprints import Meaning, meaning_of
from consentgate.domain.policy.policy import CookiePattern, Policy
from consentgate.domain.regimes import UNKNOWN, Regime
from consentgate.domain.signals import NONE, Signals
from consentgate.gates.declared.cookies import Declared, NameTable
from consentgate.gates.declared.hosts import HostTable
from consentgate.gates.headers.validators import KnownValidators

_MOST_OUTCOMES = 512
_MOST_RECENT = 8_192
_NEVER = 1 << 62
_MOST_NAMES = 4_096
_MISSING = object()


class Pass(enum.Enum):
    """What happens to one cookie."""

    PERMITTED = "permitted"
    DENIED = "denied"
    UNDECLARED = "undeclared"
    """Nobody declared it, and the policy blocks what nobody declared."""
    UNDECLARED_PASSES = "undeclared, allowed"
    OWN = "own"
    """Our token: for the gate alone."""


@dataclass(eq=False)
class Outcome:
    """One decision with everything the gates need to carry it out."""

    plan: Plan
    regime: Regime
    decision: Decision
    passes: dict[bytes, Pass] = field(default_factory=dict)
    """Names judged so far; ``cookie`` fills it."""
    kept: dict[object, object] = field(default_factory=dict)
    """Room for what other gates build once per outcome (matchers, headers, pages)."""

    def cookie(self, name: bytes) -> Pass:
        """Say what happens to a cookie of this name (bytes as on the wire)."""
        verdict = self.passes.get(name)
        if verdict is None:
            verdict = self._judge(name)
            if len(self.passes) >= _MOST_NAMES:
                self.passes.clear()
            if len(name) <= 256:
                self.passes[name] = verdict
        return verdict

    def _judge(self, name: bytes) -> Pass:
        if name in self.plan.own_names:
            return Pass.OWN
        declared = self.plan.declared(name)
        if declared is not None:
            is_granted = self.decision.services[declared.service].is_granted
            return Pass.PERMITTED if is_granted else Pass.DENIED
        is_blocked = self.plan.policy.site.undeclared == "block"
        return Pass.UNDECLARED if is_blocked else Pass.UNDECLARED_PASSES

    def pattern_of(self, name: bytes) -> CookiePattern | None:
        """How the cookie was declared, if it was."""
        declared = self.plan.declared(name)
        return declared.pattern if declared is not None else None

    @cached_property
    def denied_services(self) -> frozenset[str]:
        """Keys of the services that may not run."""
        verdicts = self.decision.services.items()
        return frozenset(key for key, verdict in verdicts if not verdict.is_granted)

    @cached_property
    def may_follow(self) -> bool:
        """Whether anything may recognise the visitor: a purpose that tracks, sells or shares is
        granted, or nothing is denied at all."""
        return not self.denied_purposes or any(
            self.decision.purposes[purpose.key].is_granted
            for purpose in self.plan.policy.optional_purposes
            if purpose.is_tracking or purpose.is_sale_or_share
        )

    @cached_property
    def strips_click_ids(self) -> bool:
        """Whether advertisers' click ids are taken off the address (STO-11)."""
        return self.plan.policy.site.strip_click_ids and any(
            purpose.key in self.denied_purposes
            for purpose in self.plan.policy.optional_purposes
            if purpose.is_sale_or_share
        )

    @cached_property
    def denied_purposes(self) -> frozenset[str]:
        """Keys of the purposes that data may not be used for."""
        verdicts = self.decision.purposes.items()
        return frozenset(key for key, verdict in verdicts if not verdict.is_granted)


@dataclass(frozen=True, slots=True)
class _Held:
    """The outcome of one choice, and the seconds between which nothing in it can change."""

    choice: Choice
    outcome: Outcome
    since: int
    until: int

    @classmethod
    def of(
        cls, policy: Policy, regime: Regime, choice: Choice, now: int, outcome: Outcome
    ) -> _Held:
        turns = Ages.limits(policy, regime, choice.made_at)
        moments = (choice.made_at - CLOCK_LEEWAY_SECONDS, *turns)
        since = max((moment for moment in moments if moment <= now), default=0)
        until = min((moment for moment in moments if moment > now), default=_NEVER)
        return cls(choice, outcome, since, until)


class Plan:
    """The policy, prepared for the request path."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.meaning: Meaning = meaning_of(policy)
        """What purposes and services mean today."""
        self.has_collectors = any(service.collectors for service in policy.services)
        """Whether any service collects at a path of the site itself."""
        self.is_logged = bool(policy.log.directory)
        """Whether visits get a record in the site log."""
        self.known_validators = KnownValidators()
        """What the app says of its resources."""
        self.tells_always = policy.signals.tk == "always"
        """Whether every answer says where the tracking status is told."""
        self.token_names = _token_names(policy)
        """Name of the token's cookie over HTTP, and over HTTPS."""
        self.once_names = (self.token_names[0] + b"_once", self.token_names[1] + b"_once")
        """Name of the cookie for what is granted for one browser session, likewise."""
        self.news_names = _news_names(self.token_names)
        """Names of the cookie of who has read of a change to come, as the token's."""
        self.own_names = frozenset((*self.token_names, *self.once_names, *self.news_names))
        """Names of our own cookies, with and without ``__Host-``."""
        self._table = NameTable(policy.services)
        self._found: dict[bytes, Declared | None] = {}
        self._outcomes: dict[object, Outcome] = {}
        self._silent: dict[tuple[Regime, Signals, bool], Outcome] = {}
        self._usual: tuple[Regime, Signals, bool, Outcome] | None = None
        """Of the last visitor without a choice, who was most likely like this one."""
        self._recent: dict[tuple[int, Regime, Signals, bool], _Held] = {}

    @cached_property
    def shared_outcome(self) -> Outcome | None:
        """The strictest outcome, which a page shared by caches is made for.

        None where the policy does not say ``cache = "shared"``: pages then follow the visitor.
        """
        if self.policy.site.cache != "shared":
            return None
        return self.strictest

    @cached_property
    def strictest(self) -> Outcome:
        """What an unknown visitor permits who said nothing: nobody permits less."""
        return self.outcome(UNKNOWN, NONE, None, 0)

    def honoured(self, signals: Signals, regime: Regime) -> Signals:
        """What of a browser's signals counts under this policy: by default all, everywhere."""
        settings = self.policy.signals
        has_gpc = settings.gpc == "everywhere" or (
            settings.gpc == "binding" and regime.is_gpc_binding
        )
        if has_gpc and settings.dnt == "everywhere":
            return signals
        return Signals(
            signals.gpc and has_gpc,
            signals.dnt and settings.dnt == "everywhere",
            signals.prefetch,
        )

    @cached_property
    def hosts(self) -> HostTable:
        """Whose an address is."""
        return HostTable(self.policy)

    def declared(self, name: bytes) -> Declared | None:
        """Who declared a cookie of this name; None: nobody."""
        found = self._found.get(name, _MISSING)
        if found is _MISSING:
            found = self._table.find(name)
            if len(self._found) >= _MOST_NAMES:
                self._found.clear()
            if len(name) <= 256:
                self._found[name] = found
        return found  # type: ignore[return-value]  # _MISSING was replaced above

    def outcome(
        self,
        regime: Regime,
        signals: Signals,
        choice: Choice | None,
        now: int,
        *,
        is_minor: bool = False,
    ) -> Outcome:
        """Decide, or take the same decision made before while it still holds.

        Args:
            regime: rules of the visitor's place.
            signals: what the browser states.
            choice: what the visitor said, if anything.
            now: whole seconds since the epoch.
            is_minor: whether the visitor is known to be below the regime's age.
        """
        if choice is None:
            usual = self._usual
            if usual and usual[0] is regime and usual[1] is signals and usual[2] is is_minor:
                return usual[3]
            silent = (regime, signals, is_minor)
            outcome = self._silent.get(silent)
            if outcome is None:
                outcome = self._silent[silent] = self._decided(regime, signals, None, now, is_minor)
            self._usual = (*silent, outcome)
            return outcome
        key = (id(choice), regime, signals, is_minor)
        held = self._recent.get(key)
        if held is not None and held.choice is choice and held.since <= now < held.until:
            return held.outcome
        outcome = self._decided(regime, signals, choice, now, is_minor)
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        self._recent[key] = _Held.of(self.policy, regime, choice, now, outcome)
        return outcome

    def _decided(
        self, regime: Regime, signals: Signals, choice: Choice | None, now: int, is_minor: bool
    ) -> Outcome:
        if choice is not None and not is_dated(choice, now):
            choice = choice.denials
        key = self._key(regime, signals, choice, now, is_minor)
        outcome = self._outcomes.get(key)
        if outcome is None:
            decision = decide(self.policy, regime, signals, choice, now, is_minor=is_minor)
            outcome = Outcome(self, regime, decision)
            if len(self._outcomes) >= _MOST_OUTCOMES:
                self._outcomes.clear()
            self._outcomes[key] = outcome
        return outcome

    def _key(
        self, regime: Regime, signals: Signals, choice: Choice | None, now: int, is_minor: bool
    ) -> object:
        """Everything that can make a decision another one; who chose, and when, is not in it."""
        if choice is None:
            return (regime, signals, is_minor)
        ages = Ages.of(self.policy, regime, choice.made_at, now)
        return (
            regime,
            signals,
            is_minor,
            choice.saying,
            ages.grants_lapsed,
            ages.refusals_lapsed,
        )


def _news_names(token_names: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    return token_names[0] + b"-news", token_names[1] + b"-news"


def _token_names(policy: Policy) -> tuple[bytes, bytes]:
    name = policy.site.token_name.encode()
    return name, b"__Host-" + name
