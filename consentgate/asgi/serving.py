"""Owns one visit on its server: what the app sends goes to the gates, and from them on.

Never knows what passes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from starlette.types import Message, Scope, Send

from consentgate.asgi.assembly import Assembly
from consentgate.asgi.explaining import is_bare
from consentgate.asgi.files import send_file
from consentgate.gates.messages import PATHSEND
from consentgate.gates.visit import Visit

_UNGATED: Final = "no cookie is set, the rest passes as the app sent it"
_OVER: Final[Scope] = {}


class Served(Visit):
    """A visit, and the server that its answer goes to."""

    __slots__ = ("_assembly", "_server")

    def guard(self, assembly: Assembly, server: Send) -> Send:
        """Make the ``send`` that the app gets.

        Args:
            assembly: explains what the app refuses, and counts what goes wrong.
            server: the server's own ``send``.
        """
        self._assembly = assembly
        self._server = server
        return self.send

    def send(self, message: Message) -> Awaitable[None]:
        """Send what passes of a message; a plain function, which gives the server's own awaitable
        for what passes as it is."""
        try:
            one = self.passing(message)
            if one is not None:
                return self._server(one)
            if message["type"] == PATHSEND and self.is_page:
                return send_file(message, self.send)
            passing = self._outgoing(message)
        except Exception:
            self._assembly.faults.failed("gate", _UNGATED)
            passing = self.give_up(message)
        return self._server(passing[0]) if len(passing) == 1 else _send_all(self._server, passing)

    def _outgoing(self, message: Message) -> tuple[Message, ...]:
        """What goes on for a message that does not pass as it is.

        Of an answer that only says that a feature was refused, the explanation takes the place.
        """
        if not self.use.needed:
            return self.outgoing(message)
        if self.is_explained:
            return ()
        if is_bare(message) and not self.request.is_websocket:
            return self._assembly.explaining.explain(self, message)
        return self.outgoing(message)

    def end(self, route: object = None) -> None:
        """Let go of the app's scope and of the server, which lead back here: no circle waits for
        the collector.

        Args:
            route: what is kept of the scope, for what the app still tells.
        """
        self.scope = _OVER if route is None else {"route": route}
        self._server = _send_late


async def _send_all(server: Send, messages: tuple[Message, ...]) -> None:
    for message in messages:
        await server(message)


async def _send_late(message: Message) -> None:
    """Send nothing: the app has returned, and the server has ended its answer."""
