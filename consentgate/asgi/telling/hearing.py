"""Owns who outside the gate hears of each decision: telemetry that follows it, nobody else.

What is told is the decision alone, nothing of the visitor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from consentgate.domain.decision import Decision

Hearer = Callable[[Decision], None]
_hearers: dict[str, Hearer] = {}
hearers = _hearers.values()
"""Who hears; empty for most sites."""

OPEN_TELEMETRY = "opentelemetry"
SENTRY = "sentry"


def hear(name: str, hearer: Hearer) -> None:
    """Have every decision told, before the app is called, in the task that serves the request.

    Args:
        name: OPEN_TELEMETRY or SENTRY; a second hearer of one name takes the place of the first.
        hearer: must not raise.
    """
    _hearers[name] = hearer


def untold() -> Iterator[str]:
    """Say of each telemetry that is loaded and does not follow the decision how to mend it."""
    if "opentelemetry.instrumentation.asgi" in sys.modules and OPEN_TELEMETRY not in _hearers:
        yield (
            "OpenTelemetry records address, query, agent and referrer of every visitor, whatever "
            "they chose; put consentgate.telemetry.ConsentSpanProcessor around your span "
            "processor (docs/telemetry.md)"
        )
    sentry = sys.modules.get("sentry_sdk")
    if sentry is not None and SENTRY not in _hearers and sentry.get_client().is_active():
        yield (
            "Sentry records address, query, agent and referrer of every visitor, whatever they "
            "chose; give sentry_sdk.init before_send and before_send_transaction = "
            "consentgate.telemetry.follow_consent() (docs/telemetry.md)"
        )
