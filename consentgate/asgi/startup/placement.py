"""Owns where in an app a gate may stand; never changes the app.

Frameworks have ways to add middleware to one route, or behind their own router. A gate there never
hears of its own addresses, so that no choice could be made: it refuses to be made there.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from consentgate.errors import SettingError

_WRAP = 'app = ConsentGate(app, policy="consentgate.toml")'


def misplaced_before(app: Any) -> SettingError | None:
    """Say why a gate must not stand right before this ASGI app, and what works; None: it may.

    Args:
        app: what the gate was given to call.
    """
    home, name = _home_of(app), getattr(app, "__qualname__", "")
    if home.startswith("litestar.") and type(app).__name__ != "Litestar":
        return SettingError(
            "Litestar puts its middleware behind its router, one for each route, so that the "
            "gate's own addresses answer 404 and nobody can choose; take it out of "
            f"middleware=[...] and wrap the app instead: {_WRAP}"
        )
    if home.startswith("django.") and inspect.isroutine(app):
        return SettingError(
            "Django's MIDDLEWARE is no ASGI middleware; take ConsentGate out of it and wrap the "
            "app in asgi.py instead: application = ConsentGate(get_asgi_application(), "
            'policy="consentgate.toml")'
        )
    if name.startswith(("request_response.<locals>", "websocket_session.<locals>")):
        return SettingError(
            "a gate on one route never hears of its own addresses, so that nobody can choose; "
            "take it out of the route's middleware=[...] and call "
            'app.add_middleware(ConsentGate, policy="consentgate.toml") last, or give it to a Mount'
        )
    return None


def _home_of(app: Any) -> str:
    """The module that an app comes from; of a function, the one it is written in."""
    if inspect.isroutine(app):
        return str(getattr(app, "__globals__", {}).get("__name__", ""))
    return type(app).__module__


def loop_refused() -> SettingError | None:
    """Say why a server must not run this gate: its event loop is trio's."""
    trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run():
        return None
    return SettingError(
        "this server runs on trio, and the ledger needs asyncio; start it with an asyncio loop, "
        "such as: hypercorn --worker-class asyncio (or uvloop)"
    )
