"""Owns what a task knows of the decision for the request that it serves; never who it is."""

from __future__ import annotations

from contextvars import ContextVar

from consentgate.domain.decision import Decision

_decision: ContextVar[Decision | None] = ContextVar("consentgate_decision", default=None)


def remember(decision: Decision) -> None:
    """Note the decision for this task and all that it starts."""
    _decision.set(decision)


def allows(purpose: str) -> bool:
    """Whether the visitor whose request this task serves granted a purpose.

    Where no gate has decided, nobody did.
    """
    decision = _decision.get()
    return decision is not None and decision.allows(purpose)
