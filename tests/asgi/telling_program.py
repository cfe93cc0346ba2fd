"""A program that stores choices and tells a webhook of them, until it is killed.

``python -m tests.asgi.telling_program LEDGER ADDRESS``: prints the id of each event once it is
durable. With ``--finish`` it stores nothing, and ends when nothing waits any more.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from consentgate.asgi.faults import Faults
from consentgate.asgi.telling import webhooks
from consentgate.asgi.telling.webhooks import Webhook
from consentgate.domain.events import Kind, State
from consentgate.domain.policy.policy import WebhookSettings
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import refusal

SECRET = b"the secret of the tests, 32 bytes"


async def main(path: Path, address: str, *, is_last: bool) -> None:
    webhooks.POLL_SECONDS = webhooks.FIRST_PAUSE = 0.01
    webhooks.LONGEST_PAUSE = 0.1
    ledger = SqliteLedger(path)
    progress = path.with_name("webhook")
    webhook = Webhook(
        WebhookSettings(url=address), [SECRET], ledger, Faults(), path=progress, clock=lambda: 0.0
    )
    if is_last:
        while webhook.send_waiting() != webhooks.POLL_SECONDS:
            await asyncio.sleep(0.01)
        ledger.close()
        return
    webhook.follow()
    while True:
        event = refusal(kind=Kind.WITHDRAW, state=State.WITHDRAWN)
        await ledger.append(event)
        print(event.id, flush=True)
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], is_last="--finish" in sys.argv))
