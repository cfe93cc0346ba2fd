"""A process that appends events for ever and says which were acknowledged: killed by tests.

Run as ``python -m tests.ledger.writer MODE PATH``: ``ledger`` acknowledges what ``append`` has
returned for; ``liar`` acknowledges first and writes later, to show that the tests see the
difference.
"""

from __future__ import annotations

import asyncio
import os
import sys

from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal

TASKS = 4


async def write_for_ever(path: str, *, is_liar: bool) -> None:
    ledger = SqliteLedger(path)
    os.write(1, b"ready\n")

    async def one() -> None:
        number = 0
        while True:
            number += 1
            event = grant() if number % 2 else refusal()
            if is_liar:
                os.write(1, f"{event.id}\n".encode())
                await asyncio.sleep(0.05)
            await ledger.append(event)
            if not is_liar:
                os.write(1, f"{event.id}\n".encode())

    await asyncio.gather(*(one() for _ in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[2], is_liar=sys.argv[1] == "liar"))
