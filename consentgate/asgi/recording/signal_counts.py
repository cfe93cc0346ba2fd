"""Owns adding a visit to the sums of what each signal has switched off (SIG-35)."""

from __future__ import annotations

from consentgate.domain.decision import Reason
from consentgate.gates.ended import Ended
from consentgate.log.counts.signals import RECEIVED, SignalCounts


def count_signals(sums: SignalCounts, visit: Ended) -> None:
    """Add what the visit's signals denied; a prefetch is nobody's visit."""
    if not visit.visitor.signals.is_set or visit.visitor.signals.prefetch:
        return
    verdicts = visit.outcome.decision.purposes.items()
    for name, reason, is_stated in (
        ("gpc", Reason.GPC, visit.visitor.signals.gpc),
        ("dnt", Reason.DNT, visit.visitor.signals.dnt),
    ):
        if is_stated:
            denied = [key for key, verdict in verdicts if verdict.reason is reason]
            sums.add(name, (RECEIVED, *denied), visit.now)
