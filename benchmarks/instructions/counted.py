"""Owns the process that callgrind watches: sends the requests of each row.

Started by the benchmark alone, never by hand.
"""

from __future__ import annotations

import asyncio
import gc
import sys

from starlette.types import ASGIApp, Message

from benchmarks.instructions.callgrind import counting
from benchmarks.instructions.requests import Scope, requests, stack
from benchmarks.instructions.rows import Row, chosen

WARM_UP = 60
LOG_SECONDS = 2.0
"""The site log adds up beside the requests, once a second: it is waited for."""
EMPTY = "empty"
"""Label of the count of a loop without a request, which stands in every other count."""


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    return None


async def _drive(app: ASGIApp, scopes: list[Scope], pause: float) -> None:
    for scope in scopes:
        await app(scope, _receive, _send)
    await asyncio.sleep(pause)  # what was put off counts too


async def _count(label: str, app: ASGIApp, scopes: list[Scope], pause: float = 0) -> None:
    gc.collect()
    gc.disable()
    with counting(label):
        await _drive(app, scopes, pause)
    gc.enable()


async def _count_row(row: Row) -> None:
    app = stack(row.stack, row.services)
    scopes = await requests(row, WARM_UP + row.requests)
    pause = LOG_SECONDS if row.stack == "gate+log" else 0
    await _drive(app, scopes[:WARM_UP], pause)
    await _count(row.key, app, scopes[WARM_UP:], pause)


async def main(rows: list[Row]) -> None:
    """Count every row, and a loop without a request."""
    for label in ("warm", EMPTY):
        await _count(label, stack("bare", 4), [])
    for row in rows:
        await _count_row(row)


if __name__ == "__main__":
    asyncio.run(main(chosen(quick="--quick" in sys.argv)))
