"""A process that appends events for ever and says which were acknowledged: killed by tests.

Run as ``python -m tests.ledger.writer MODE URL SPOOL``: ``ledger`` acknowledges what ``append`` has
returned for, and refusals that were kept in the spool instead; ``liar`` acknowledges first and
writes later; ``careless`` does not wait for the disk. The last two show that the tests see the
difference.
"""

from __future__ import annotations

import asyncio
import os
import sys

from consentgate.errors import LedgerUnavailable
from consentgate.ledger import Ledger, sqlite
from consentgate.ledger.opening import open_ledger
from tests.events import grant, refusal

TASKS = 4


async def appended(ledger: Ledger, number: int, *, is_liar: bool) -> None:
    """Append one event as the gate does, and say so."""
    is_grant = number % 2
    event = grant() if is_grant else refusal()
    if is_liar:
        os.write(1, f"{event.id}\n".encode())
        await asyncio.sleep(0.05)
    try:
        await ledger.append(event)
    except LedgerUnavailable:
        if is_grant:
            return
        await asyncio.to_thread(ledger.defer, event)
    if not is_liar:
        os.write(1, f"{event.id}\n".encode())


async def write_for_ever(ledger: Ledger, *, is_liar: bool) -> None:
    """Several at once, without an end."""
    os.write(1, b"ready\n")

    async def one() -> None:
        number = 0
        while True:
            number += 1
            await appended(ledger, number, is_liar=is_liar)

    await asyncio.gather(*(one() for _ in range(TASKS)))


if __name__ == "__main__":
    mode, url, spool = sys.argv[1:]
    if mode == "careless":
        code = sqlite._prepare.__code__
        sqlite._prepare.__code__ = code.replace(
            co_consts=tuple(
                tuple(str(one).replace("synchronous=FULL", "synchronous=NORMAL") for one in const)
                if isinstance(const, tuple)
                else const
                for const in code.co_consts
            )
        )
    asyncio.run(write_for_ever(open_ledger(url, spool=spool), is_liar=mode == "liar"))
