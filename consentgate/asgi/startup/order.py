"""Owns the check that the gate is outermost; never changes the app."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from starlette.types import Scope

from consentgate.asgi.telling.hearing import untold
from consentgate.errors import SettingError

logger = logging.getLogger("consentgate")

_HARMLESS = frozenset(
    (
        "GZipMiddleware",
        "TrustedHostMiddleware",
        "HTTPSRedirectMiddleware",
        "CORSMiddleware",
        "ProxyHeadersMiddleware",
    )
)
"""Middleware that neither sets cookies nor writes HTML; GZip belongs outside the gate."""


def outside(scope: Scope, gate: type) -> Iterator[str]:
    """Name the middleware of a Starlette-like app that stands outside the gate."""
    stack = getattr(scope.get("app"), "user_middleware", None) or ()
    classes = [getattr(middleware, "cls", None) for middleware in stack]
    if gate not in classes:
        return
    for outer in classes[: classes.index(gate)]:
        name = getattr(outer, "__name__", repr(outer))
        if name not in _HARMLESS:
            yield name


def misplaced(scope: Scope, gate: type) -> SettingError | None:
    """Say why a site with this order must not start; None: it may, and was warned of the rest.

    A session middleware outside the gate sets cookies that no gate sees.
    """
    for name in outside(scope, gate):
        if name == "SessionMiddleware":
            return SettingError(_advice(name))
    warn_about_order(scope, gate)
    return None


def warn_about_order(scope: Scope, gate: type) -> None:
    """Say once which middleware could set cookies past the gate."""
    for name in outside(scope, gate):
        logger.warning("consentgate: %s", _advice(name))


def warn_of_telemetry() -> None:
    """Say at start which telemetry would remember visitors, whatever they chose."""
    for sentence in untold():
        logger.warning("consentgate: %s", sentence)


def _advice(name: str) -> str:
    return (
        f"{name} stands outside ConsentGate, so what it sets passes unseen; "
        "call app.add_middleware(ConsentGate, ...) last, which makes it outermost"
    )
