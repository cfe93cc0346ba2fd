"""Owns the token's cookie, and keeping a signal in it once seen: its absence is never read as
opting back in (SIG-07)."""

from __future__ import annotations

from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.signals import NONE, Signals
from consentgate.formats import cookies
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import Visitor


def remembering_token(
    visitor: Visitor, outcome: Outcome, reader: TokenReader, now: int
) -> str | None:
    """A token that keeps the signal, where a later request without it would permit more.

    SIG-07: 4 CCR 904-3 rule 5.09(B). Under opt-in before a choice nothing is set.

    Returns:
        None where there is nothing to keep.
    """
    signals, choice = visitor.signals, visitor.choice
    if not signals.is_set or signals.prefetch:
        return None
    if choice is not None and choice.signalled | signals == choice.signalled:
        return None
    if not _lapses_without_signal(outcome):
        return None
    seen = Signals(signals.gpc, signals.dnt)
    if len(visitor.own.tokens) == 1 and choice is not None:
        return reader.codec.remember_signals(visitor.own.tokens[0], seen)
    silent = Choice(made_at=now, is_explicit=False, signalled=seen)
    return reader.codec.sign(silent, reader.today)


@once_per_outcome
def _lapses_without_signal(outcome: Outcome) -> bool:
    """Whether more would be permitted if the browser stated nothing."""
    return outcome.with_signals(NONE).denied_purposes != outcome.denied_purposes


def token_line(token: str, outcome: Outcome, *, is_https: bool) -> bytes:
    """The ``Set-Cookie`` line that carries a token (CKE-09).

    Args:
        token: signed.
        outcome: what was decided; rules of some places keep a refusal longer.
        is_https: whether the visitor came over HTTPS.
    """
    lifetimes = outcome.plan.policy.lifetimes
    days = max(lifetimes.grant_days, lifetimes.refusal_days, outcome.regime.reask_days)
    return cookies.set_cookie(
        outcome.plan.token_names[is_https].decode(),
        token,
        max_age_seconds=days * DAY_SECONDS,
        is_secure=is_https,
    )
