"""Owns refusing to start: said once, in the way that servers obey.

Frameworks make their middleware on the first call, which is the server's start. A plain exception
there reads to many servers as "no lifespan here", and the site would answer every request with 500.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import Callable, Iterable

from starlette.types import Receive, Scope, Send


def is_serving() -> bool:
    """Whether a server is already running, so that it has to be told by its own protocol."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def misspelt(names: Iterable[str], options: Callable[..., object]) -> TypeError | None:
    """Say of the first name that is no option which one was meant; None: all are options.

    Args:
        names: as they were given.
        options: takes the options there are by keyword.
    """
    parameters = inspect.signature(options).parameters
    if any(value.kind is value.VAR_KEYWORD for value in parameters.values()):
        return None  # a subclass that takes what it likes
    known = [key for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY]
    for name in names:
        if name not in parameters:
            close = difflib.get_close_matches(name, known, 1)
            meant = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"
            return TypeError(f'ConsentGate has no option "{name}"; {meant}')
    return None


class StartRefused:
    """Stands where a gate would: ends the start of a server, and serves nothing."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say why, by the lifespan protocol; a request is answered with the fault itself.

        Raises:
            Exception: the fault, where a server goes on all the same.
        """
        if scope["type"] != "lifespan":
            raise self.fault.with_traceback(None)
        await receive()
        await send({"type": "lifespan.startup.failed", "message": f"consentgate: {self.fault}"})
