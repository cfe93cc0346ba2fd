"""Owns finding the gate in an app, however it was put there."""

from __future__ import annotations

from typing import Any

from consentgate.asgi.gate import ConsentGate
from consentgate.errors import SettingError

_INNER = ("middleware_stack", "app", "asgi_app", "application")
_MOST_LAYERS = 64


def gate_of(app: Any) -> ConsentGate:
    """Find the gate of an app.

    Starlette and FastAPI make their middleware when it is first needed: it is made here.

    Args:
        app: a ConsentGate, what is around one, or an app that has one among its middleware.

    Raises:
        SettingError: there is none.
    """
    current = app
    for _ in range(_MOST_LAYERS):
        if isinstance(current, ConsentGate):
            return current
        if getattr(current, "middleware_stack", False) is None:
            current.middleware_stack = current.build_middleware_stack()
        inner = (getattr(current, name, None) for name in _INNER)
        current = next((one for one in inner if callable(one)), None)
        if current is None:
            break
    raise SettingError(
        "consentgate.testing: no ConsentGate was found in this app; give the app that carries it: "
        'app.add_middleware(ConsentGate, policy="consentgate.toml")'
    )
