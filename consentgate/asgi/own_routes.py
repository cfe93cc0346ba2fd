"""Owns the shape of our own addresses: what answers there, and what the site log calls a visit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Final

from starlette.responses import Response
from starlette.types import Receive

from consentgate.gates.visit import Visit

Handler = Callable[[Visit, Receive], Awaitable[Response]]
"""Answers a request to one of our own addresses."""

OWN: Final = SimpleNamespace(path="(privacy choices)")
"""A visit to any of our own addresses (LOG-11)."""
UNNOTED: Final = SimpleNamespace(path="(status)")
"""A visit that leaves no line: asking for a status is not tracked (SIG-27)."""
COLLECTOR: Final = SimpleNamespace(path="(collector)")
"""A request that the gate answers in the place of a denied collector."""
