"""Owns telemetry that follows the visitor's decision: OpenTelemetry's spans and Sentry's events.

Without a grant they lose what tells a visitor apart: address, query, agent, referrer, cookies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consentgate.telemetry.open_telemetry import ConsentSpanProcessor
    from consentgate.telemetry.sentry import follow_consent

__all__ = ["ConsentSpanProcessor", "follow_consent"]


def __getattr__(name: str) -> Any:
    """Import either part when it is asked for: nobody needs both packages."""
    from importlib import import_module

    if name == "ConsentSpanProcessor":
        return import_module("consentgate.telemetry.open_telemetry").ConsentSpanProcessor
    if name == "follow_consent":
        return import_module("consentgate.telemetry.sentry").follow_consent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
