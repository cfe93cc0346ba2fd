"""Owns keeping a signal once seen, so that its absence is never read as opting back in (SIG-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.domain.choices import Choice
from consentgate.domain.signals import NONE, Signals

if TYPE_CHECKING:
    from consentgate.gates.visit import Visit


def remembering_token(visit: Visit) -> str | None:
    """A token that keeps the signal, where a later request without it would permit more.

    SIG-07: 4 CCR 904-3 rule 5.09(B). Under opt-in before a choice nothing is set.

    Returns:
        None where there is nothing to keep.
    """
    signals, choice = visit.signals, visit.choice
    if not signals.is_set or signals.prefetch:
        return None
    if choice is not None and choice.signalled | signals == choice.signalled:
        return None
    if not _lapses_without_signal(visit):
        return None
    seen = Signals(signals.gpc, signals.dnt)
    if len(visit.tokens) == 1 and choice is not None:
        return visit.reader.codec.remember_signals(visit.tokens[0], seen)
    silent = Choice(made_at=visit.now, is_explicit=False, signalled=seen)
    return visit.reader.codec.sign(silent, visit.reader.today)


def _lapses_without_signal(visit: Visit) -> bool:
    kept = visit.outcome.kept
    answer = kept.get("lapses")
    if answer is None:
        silent = visit.plan.outcome(
            visit.outcome.regime, NONE, visit.choice, visit.now, is_minor=visit.is_minor
        )
        answer = silent.denied_purposes != visit.outcome.denied_purposes
        kept["lapses"] = answer
    return bool(answer)
