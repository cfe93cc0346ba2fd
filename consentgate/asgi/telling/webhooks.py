"""Owns telling another program of every choice that it asked for, at least once.

The ledger is the queue: what is durable there is sent from there, in its order. A small file beside
it says how far the other program has followed, so that a kill at any moment sends an event again
rather than never. One process of a machine sends; a file lock says which.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from consentgate.asgi.beside import Beside
from consentgate.asgi.faults import Faults
from consentgate.domain.events import Event, event_of
from consentgate.domain.policy.policy import WebhookSettings
from consentgate.formats.webhooks import headers, message
from consentgate.ledger import Ledger, Row
from consentgate.ledger.following import rows_behind, still_has
from consentgate.ledger.locks import held

logger = logging.getLogger("consentgate")

POLL_SECONDS = 1.0
SEND_SECONDS = 15
"""How long the other program may take to answer."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds before an event is sent again: doubled each time, and shaken a little."""
_ROWS_AT_ONCE = 200

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Sends a body to an address with header fields; gives the HTTP status, 0 for none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the other program has followed."""

    since_ms: int
    """Older events are none of its business: the webhook came later."""
    number: int = 0
    name: str = ""
    """Number and id of the last event that was answered with success."""

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        """What a file says; None where there is none.

        Raises:
            ValueError: it says something else.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: is no progress of a webhook; remove it") from error

    def write(self, path: Path) -> None:
        """Put it there whole and durable, or leave the file as it was."""
        text = json.dumps({"since_ms": self.since_ms, "number": self.number, "name": self.name})
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(beside, path)


class Webhook:
    """Sends events of the ledger to one address."""

    def __init__(
        self,
        settings: WebhookSettings,
        secrets: list[bytes],
        ledger: Ledger,
        faults: Faults,
        *,
        path: Path,
        clock: Callable[[], float] = time.time,
        post: Post | None = None,
    ) -> None:
        """Say from when on events are sent, if that is not said yet; nothing is sent before
        ``follow``.

        Args:
            settings: where to and what.
            secrets: that sign; the first is the newest.
            ledger: whose events are sent.
            faults: is told of what fails.
            path: the file that says how far the other program has followed.
            clock: seconds since the epoch.
            post: sends; None: over HTTP.

        Raises:
            OSError: the file cannot be made.
            ValueError: it holds something else.
        """
        self._settings = settings
        self._secrets = secrets
        self._ledger = ledger
        self._faults = faults
        self._path = path
        self._clock = clock
        self._post = post or _post
        path.parent.mkdir(parents=True, exist_ok=True)
        if Progress.read(path) is None:
            Progress(int(clock()) * 1_000).write(path)
        self._pause = FIRST_PAUSE
        self._beside = Beside("consentgate-webhook", self, Webhook.send_waiting)

    def follow(self) -> None:
        """Start the thread that sends, unless it runs."""
        self._beside.start()

    def send_waiting(self) -> float:
        """Send every event that waits, unless another process does. Never raises.

        Returns:
            How many seconds to wait before the next time.
        """
        try:
            with held(self._path.with_name(f"{self._path.name}-lock"), seconds=0):
                is_done = self._send_all()
        except TimeoutError:
            return POLL_SECONDS
        except Exception:
            self._faults.failed("webhook", "events wait until the webhook works again")
            is_done = False
        if is_done:
            self._pause = FIRST_PAUSE
            return POLL_SECONDS
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause * random.uniform(0.8, 1.2)

    def _send_all(self) -> bool:
        """Send in the ledger's order, noting each; False at the first that is not taken."""
        progress = Progress.read(self._path) or Progress(int(self._clock()) * 1_000)
        if progress.number and not still_has(self._ledger, progress.number, progress.name):
            progress = Progress(progress.since_ms)  # the ledger was replaced
        for row in rows_behind(self._ledger, progress.number, at_once=_ROWS_AT_ONCE):
            if self._beside.is_over:
                return True
            event = self._wanted(row, progress)
            if event is not None:
                if not self._send(event):
                    return False
                self._pause = FIRST_PAUSE
            progress = Progress(progress.since_ms, row[0], row[1])
            progress.write(self._path)
        return True

    def _wanted(self, row: Row, progress: Progress) -> Event | None:
        """The event of a row, where the other program asked for its kind; None: not for it."""
        try:
            event = event_of(row[3])
        except ValueError:
            return None  # erased, or of a later version
        is_new = event.at_ms >= progress.since_ms
        return event if is_new and event.kind.value in self._settings.kinds else None

    def _send(self, event: Event) -> bool:
        """Send one event; whether the other program took it."""
        body = message(f"choice.{event.kind.value}", event.at_ms, _facts(event))
        fields = headers(f"msg_{event.id}", int(self._clock()), body, self._secrets)
        status = self._post(self._settings.url, body, fields)
        if 200 <= status < 300:
            return True
        self._faults.count("webhook_refused")
        if self._faults.counts["webhook_refused"] == 1:
            said = f"answered {status}" if status else "gave no answer"
            logger.error("consentgate: the webhook %s; its events wait and are sent again", said)
        return False

    def close(self) -> None:
        """Have the thread end; what was not sent is sent after the next start."""
        self._beside.close()


def _facts(event: Event) -> dict[str, Any]:
    """What the other program is told: enough to act on, and nothing of the browser."""
    return {
        "event": event.id,
        "subject": event.subject,
        "state": event.state.value,
        "purposes": dict(event.purposes),
        "services": dict(event.services),
        "signals": list(event.signals),
        "regime": event.regime,
        "policy_version": event.policy_version,
    }


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address is another recipient: the policy names the one there is."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _post(address: str, body: bytes, fields: Mapping[str, str]) -> int:
    request = urllib.request.Request(address, body, dict(fields), method="POST")
    try:
        with contextlib.closing(_opener.open(request, timeout=SEND_SECONDS)) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, HTTPException):
        return 0
