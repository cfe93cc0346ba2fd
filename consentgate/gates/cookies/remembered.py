"""Owns keeping a signal once seen, so that its absence is never read as opting back in (SIG-07)."""

from __future__ import annotations

from consentgate.domain.choices import Choice
from consentgate.domain.signals import NONE, Signals
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
    if len(visitor.tokens) == 1 and choice is not None:
        return reader.codec.remember_signals(visitor.tokens[0], seen)
    silent = Choice(made_at=now, is_explicit=False, signalled=seen)
    return reader.codec.sign(silent, reader.today)


@once_per_outcome
def _lapses_without_signal(outcome: Outcome) -> bool:
    """Whether more would be permitted if the browser stated nothing."""
    return outcome.with_signals(NONE).denied_purposes != outcome.denied_purposes
