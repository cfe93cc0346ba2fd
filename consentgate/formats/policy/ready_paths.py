"""Owns the rules for paths that ``use`` names: pages of tools that a site serves beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

READY_PATHS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # Swagger UI and ReDoc come from a CDN; who opens them asks for them
        "fastapi-docs": {
            "match": ["/docs", "/docs/oauth2-redirect", "/redoc"],
            "csp": "off",
            "banner": "none",
            "unknown_hosts": "report",
        },
        "django-admin": {"match": ["/admin/*"], "banner": "none"},
        "flower": {"match": ["/flower/*"], "banner": "none"},
        # the usual names of the paths that load balancers and orchestrators ask
        "health": {
            "match": [
                *("/health", "/healthz", "/health/live", "/health/ready", "/livez", "/readyz"),
                *("/live", "/ready", "/ping", "/up", "/-/healthy", "/-/ready"),
                *("/__heartbeat__", "/__lbheartbeat__"),
            ],
            "gate": False,
            "log": False,
        },
    }
)
