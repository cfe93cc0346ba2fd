"""What served a visitor is freed as the visit ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from consentgate.gates.visit import Visit
from tests.asgi import raw
from tests.asgi.raw import PAGE, http

HTML = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE))]


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a page and remember nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": HTML})
    await send({"type": "http.response.body", "body": PAGE})


@pytest.mark.parametrize("cookie", ["", "visitor=1; _fbp=2"], ids=["no cookies", "cookies"])
def test_a_visit_leaves_nothing_to_the_garbage_collector(cookie: str) -> None:
    """Nothing that served a page goes round in a circle: it would cost a pause later."""
    gate = raw.gated(page)
    asyncio.run(_visits(gate, cookie))
    gc.collect()
    before = _alive()
    gc.disable()
    try:
        asyncio.run(_visits(gate, cookie))
        after = _alive()
    finally:
        gc.enable()
    assert after == before


def _alive() -> int:
    return sum(issubclass(type(one), Visit) for one in gc.get_objects())


class Cycle:
    """One request on a server, which keeps the scope as long as itself, as uvicorn does."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def receive(self) -> Message:
        """Nothing more comes."""
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        """Nobody looks."""


async def _visits(gate: Any, cookie: str) -> None:
    for _ in range(3):
        cycle = Cycle(http(cookie=cookie))
        await gate(cycle.scope, cycle.receive, cycle.send)


def test_what_an_app_sends_after_its_end_goes_nowhere() -> None:
    """A task that outlives its request finds no server, and no error that hides its own."""
    kept: list[Send] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept.append(send)
        await page(scope, receive, send)

    async def late() -> None:
        await kept[0]({"type": "http.response.body", "body": b"late"})

    seen = raw.run(raw.gated(app), http())
    asyncio.run(late())
    assert b"late" not in seen.body
