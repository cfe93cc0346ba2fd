"""Owns what follows from a decision: which cookies pass, which services are denied.

A visitor asks for an outcome. There are few distinct ones, so each is made once and remembered.
Only the outcome itself feeds what is remembered under it: never a visitor, a request or a moment.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from consentgate.domain.choices import Choice
from consentgate.domain.decision import CLOCK_LEEWAY_SECONDS, Ages, Decision, decide, is_dated
from consentgate.domain.policy.policy import CookiePattern, Policy
from consentgate.domain.regimes import UNKNOWN, Regime
from consentgate.domain.signals import NONE, Signals
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.visitor import Visitor
from consentgate.memo import Memo, up_to

_MOST_OUTCOMES = 512
_MOST_RECENT = 8_192
_NEVER = 1 << 62
_MOST_NAMES = 4_096
_MOST_NAME_BYTES = 256
Made = TypeVar("Made")


class Pass(enum.Enum):
    """What happens to one cookie."""

    PERMITTED = "permitted"
    DENIED = "denied"
    UNDECLARED = "undeclared"
    """Nobody declared it, and the policy blocks what nobody declared."""
    UNDECLARED_PASSES = "undeclared, allowed"
    OWN = "own"
    """Our token: for the gate alone."""


class Outcome:
    """One decision with everything the gates need to carry it out."""

    def __init__(self, outcomes: Outcomes, visitor: Visitor, at: int, decision: Decision) -> None:
        """Prepare.

        Args:
            outcomes: where the outcomes of other visitors come from.
            visitor: whom the decision was made for, without anything that tells who it was;
                its choice is the one that counted.
            at: when it was made, whole seconds since the epoch.
            decision: the verdicts.
        """
        self._outcomes = outcomes
        self._visitor = visitor
        self._at = at
        self.plan = outcomes.plan
        self.is_quiet = visitor.signals is NONE and not outcomes.plan.tells_always
        """Whether an answer says nothing of tracking, and no signal is to be remembered."""
        self.decision = decision
        self.regime: Regime = visitor.regime
        self.signals: Signals = visitor.signals
        """What the browser stated, as far as it counts; ``decision.signals`` has the remembered."""
        self.choice: Choice | None = visitor.choice
        """The choice as it counted, without its id: the same for all who share the outcome."""
        self.made: dict[Callable[[Outcome], Any], Any] = {}
        """What ``once_per_outcome`` remembers."""
        self.passes: Memo[bytes, Pass] = Memo(
            self._judge, _MOST_NAMES, is_small=up_to(_MOST_NAME_BYTES)
        )
        """Cookie name, bytes as on the wire, blanks around it too, to what happens to it."""

    @property
    def strictest(self) -> Outcome:
        """What an unknown visitor permits who said nothing: nobody permits less."""
        return self._outcomes.strictest

    @property
    def is_shared(self) -> bool:
        """Whether pages for everyone follow it: caches share them, and it is the strictest."""
        return self is self._outcomes.shared

    @property
    def has_shared_pages(self) -> bool:
        """Whether caches share pages, whoever asks."""
        return self._outcomes.shared is not None

    @property
    def for_page(self) -> Outcome:
        """What decides on a page's markup: the visitor, or nobody where caches share pages."""
        return self._outcomes.shared or self

    def with_signals(self, signals: Signals) -> Outcome:
        """The outcome if the same visitors' browsers stated these signals instead."""
        return self._outcomes.of(self._visitor._replace(signals=signals), self._at)

    def _judge(self, name: bytes) -> Pass:
        name = name.strip(b" \t")  # as it stands between the others
        if name in self.plan.own_names:
            return Pass.OWN
        declared = self.plan.declared[name]
        if declared is not None:
            is_granted = self.decision.services[declared.service].is_granted
            return Pass.PERMITTED if is_granted else Pass.DENIED
        is_blocked = self.plan.policy.site.undeclared == "block"
        return Pass.UNDECLARED if is_blocked else Pass.UNDECLARED_PASSES

    def pattern_of(self, name: bytes) -> CookiePattern | None:
        """How the cookie was declared, if it was."""
        declared = self.plan.declared[name]
        return declared.pattern if declared is not None else None

    @cached_property
    def denied_services(self) -> frozenset[str]:
        """Keys of the services that may not run."""
        verdicts = self.decision.services.items()
        return frozenset(key for key, verdict in verdicts if not verdict.is_granted)

    @cached_property
    def denied_purposes(self) -> frozenset[str]:
        """Keys of the purposes that data may not be used for."""
        verdicts = self.decision.purposes.items()
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


def once_per_outcome(make: Callable[[Outcome], Made]) -> Callable[[Outcome], Made]:
    """Have a function of an outcome answer each outcome once, and remember the answer there.

    The function takes the outcome and nothing else, so nothing of one visitor can be remembered
    for the next.
    """

    def made(outcome: Outcome) -> Made:
        answers = outcome.made
        if make in answers:
            return answers[make]  # type: ignore[no-any-return]  # what make gave
        answer = answers[make] = make(outcome)
        return answer

    made.__doc__ = make.__doc__
    made.__name__ = make.__name__
    return made


@dataclass(frozen=True, slots=True)
class _Recent:
    """The outcome of one choice, and the seconds between which nothing in it can change."""

    choice: Choice
    regime: Regime
    signals: Signals
    is_minor: bool
    outcome: Outcome
    since: int
    until: int

    def is_for(self, visitor: Visitor) -> bool:
        """Whether a visitor with the same choice is otherwise like the one it was made for."""
        return (
            visitor.regime is self.regime
            and visitor.signals is self.signals
            and visitor.is_minor is self.is_minor
        )

    @classmethod
    def of(
        cls, policy: Policy, visitor: Visitor, choice: Choice, now: int, outcome: Outcome
    ) -> _Recent:
        turns = Ages.limits(policy, visitor.regime, choice.made_at)
        moments = (choice.made_at - CLOCK_LEEWAY_SECONDS, *turns)
        since = max((moment for moment in moments if moment <= now), default=0)
        until = min((moment for moment in moments if moment > now), default=_NEVER)
        regime, signals, _, is_minor, *_ = visitor
        return cls(choice, regime, signals, is_minor, outcome, since, until)


class Outcomes:
    """Decides for visitors, and remembers the outcomes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._outcomes: Memo[object, Outcome] = Memo(None, _MOST_OUTCOMES)
        self._silent: dict[tuple[Regime, Signals, bool], Outcome] = {}
        self._usual: Visitor | None = None
        """The last visitor without a choice: the next one is most likely the same to the gate."""
        self._usual_outcome: Outcome
        self._recent: Memo[int, _Recent] = Memo(None, _MOST_RECENT)

    @cached_property
    def strictest(self) -> Outcome:
        """What an unknown visitor permits who said nothing: nobody permits less."""
        return self.of(Visitor(UNKNOWN), 0)

    @cached_property
    def shared(self) -> Outcome | None:
        """The strictest outcome, which a page shared by caches is made for.

        None where the policy does not say ``cache = "shared"``: pages then follow the visitor.
        """
        return self.strictest if self.plan.policy.site.cache == "shared" else None

    def of(self, visitor: Visitor, now: int) -> Outcome:
        """Decide, or take the same decision made before while it still holds.

        Args:
            visitor: who asks.
            now: whole seconds since the epoch.
        """
        if visitor is self._usual:
            return self._usual_outcome
        choice = visitor.choice
        if choice is None:
            silent = (visitor.regime, visitor.signals, visitor.is_minor)
            outcome = self._silent.get(silent)
            if outcome is None:
                outcome = self._silent[silent] = self._decided(visitor, now)
            self._usual, self._usual_outcome = visitor, outcome
            return outcome
        recent = self._recent.get(id(choice))
        if (
            recent is not None
            and recent.choice is choice
            and recent.since <= now < recent.until
            and recent.is_for(visitor)
        ):
            return recent.outcome
        outcome = self._decided(visitor, now)
        self._recent.put(id(choice), _Recent.of(self.plan.policy, visitor, choice, now, outcome))
        return outcome

    def _decided(self, visitor: Visitor, now: int) -> Outcome:
        regime, signals, choice, is_minor, *_ = visitor
        if choice is not None and not is_dated(choice, now):
            choice = choice.denials

        def make() -> Outcome:
            policy = self.plan.policy
            decision = decide(policy, regime, signals, choice, now, is_minor=is_minor)
            counted = replace(choice, id="") if choice is not None else None
            return Outcome(self, Visitor(regime, signals, counted, is_minor), now, decision)

        key = self._key(regime, signals, choice, now, is_minor)
        return self._outcomes.recall(key, make)

    def _key(
        self, regime: Regime, signals: Signals, choice: Choice | None, now: int, is_minor: bool
    ) -> object:
        """Everything that can make a decision another one; who chose, and when, is not in it."""
        if choice is None:
            return (regime, signals, is_minor)
        ages = Ages.of(self.plan.policy, regime, choice.made_at, now)
        return (
            regime,
            signals,
            is_minor,
            choice.saying,
            ages.grants_lapsed,
            ages.refusals_lapsed,
        )
