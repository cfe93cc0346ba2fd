"""Keeps a site's word about tracking, on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consentgate.asgi.consent import (
        Consent,
        ConsentRequired,
        ConsentState,
        get_consent,
        privacy_context,
        require,
    )
    from consentgate.asgi.gate import ConsentGate
    from consentgate.domain.decision import Reason
    from consentgate.domain.policy.policy import Policy

    __version__: str

__all__ = [
    "Consent",
    "ConsentGate",
    "ConsentRequired",
    "ConsentState",
    "Policy",
    "Reason",
    "get_consent",
    "privacy_context",
    "require",
]

_HOMES = {
    "Consent": "consentgate.asgi.consent",
    "ConsentGate": "consentgate.asgi.gate",
    "ConsentRequired": "consentgate.asgi.consent",
    "ConsentState": "consentgate.asgi.consent",
    "Policy": "consentgate.domain.policy.policy",
    "Reason": "consentgate.domain.decision",
    "get_consent": "consentgate.asgi.consent",
    "privacy_context": "consentgate.asgi.consent",
    "require": "consentgate.asgi.consent",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is cheap."""
    if name == "__version__":
        from importlib.metadata import version

        return version("consentgate")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
