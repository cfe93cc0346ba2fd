"""Another program is told of choices: signed, in order, and never forgotten."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.faults import Faults
from consentgate.asgi.telling import webhooks
from consentgate.asgi.telling.webhooks import Webhook
from consentgate.domain.events import Event, Kind
from consentgate.domain.policy.policy import LedgerSettings, LogSettings, WebhookSettings
from consentgate.errors import SecretError, SettingError
from consentgate.formats.webhooks import headers, secret_of
from consentgate.ledger.locks import held
from consentgate.ledger.memory import MemoryLedger
from tests.asgi import raw
from tests.asgi.raw import form, regime_of, run
from tests.asgi.telling_program import SECRET
from tests.events import grant, refusal
from tests.live import ROOT
from tests.policies import SHOP

KILLS = int(os.environ.get("WEBHOOK_KILLS", "4"))
NOW = 1_790_000_000
WRITTEN = "whsec_" + base64.b64encode(SECRET).decode()


@dataclass
class Recipient:
    """The other program: what it was told, and what it answers."""

    statuses: list[int] = field(default_factory=list)
    """What it answers, one after the other; 200 when there is none left."""
    told: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    address: str = ""

    @property
    def ids(self) -> list[str]:
        """The events that it was told of, in the order they came."""
        return [json.loads(body)["data"]["event"] for _, body in self.told]

    def post(self, address: str, body: bytes, fields: Mapping[str, str]) -> int:
        """Stand in for HTTP."""
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.told.append((fields, body))
        return status


@contextmanager
def listening(recipient: Recipient) -> Iterator[Recipient]:
    """The same over HTTP on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            body = self.rfile.read(size)
            if len(body) < size:
                return  # the sender was killed
            fields = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(recipient.post(self.path, body, fields))
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    recipient.address = f"http://127.0.0.1:{server.server_port}/told"
    try:
        yield recipient
    finally:
        server.shutdown()
        server.server_close()


def webhook(
    folder: Path, ledger: MemoryLedger, recipient: Recipient, **settings: Any
) -> tuple[Webhook, Faults]:
    faults = Faults()
    made = Webhook(
        WebhookSettings(url="https://other.example/told", **settings),
        [SECRET],
        ledger,
        faults,
        path=folder / "webhook",
        clock=lambda: float(NOW),
        post=recipient.post,
    )
    return made, faults


def ledger_with(*events: Event) -> MemoryLedger:
    ledger = MemoryLedger()
    for event in events:
        ledger.defer(event)
    return ledger


def test_the_specifications_own_vector() -> None:
    """The signature of the Standard Webhooks libraries' own tests."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="]
)
def test_a_secret_in_another_form_is_refused(text: str) -> None:
    """Without the prefix, too short, or no Base64; what it was is not said."""
    with pytest.raises(ValueError, match="expected whsec_") as raised:
        secret_of(text)
    assert not text or text not in str(raised.value).replace("whsec_", "", 1)


def is_signed(fields: Mapping[str, str], body: bytes, secret: bytes = SECRET) -> bool:
    """Verify as the specification says, with none of our code."""
    signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return f"v1,{digest}" in fields["webhook-signature"].split(" ")


@pytest.mark.requirement("WDR-07")
def test_a_withdrawal_is_told_signed_and_once(tmp_path: Path) -> None:
    """With what may be done now and when it was said; nothing of the browser."""
    event = refusal(kind=Kind.WITHDRAW, at_ms=NOW * 1_000 + 5, subject="ab" * 16)
    recipient = Recipient()
    made, _ = webhook(tmp_path, ledger_with(event), recipient)
    made.send_waiting()
    made.send_waiting()
    ((fields, body),) = recipient.told
    assert is_signed(fields, body)
    assert fields["webhook-id"] == f"msg_{event.id}"
    said = json.loads(body)
    assert (said["type"], said["timestamp"]) == ("choice.withdraw", "2026-09-21T14:13:20.005Z")
    assert said["data"]["purposes"] == dict(event.purposes)
    assert said["data"]["subject"] == "ab" * 16


def test_only_the_kinds_asked_for_are_told(tmp_path: Path) -> None:
    """Grants are not, unless the policy says so; nor what came before the webhook."""
    at = {"at_ms": NOW * 1_000}
    old, given, refused = refusal(at_ms=1), grant(**at), refusal(**at)
    recipient = Recipient()
    webhook(tmp_path / "a", ledger_with(old, given, refused), recipient)[0].send_waiting()
    assert recipient.ids == [refused.id]
    also = Recipient()
    made, _ = webhook(tmp_path / "b", ledger_with(old, given, refused), also, kinds=("grant",))
    made.send_waiting()
    assert also.ids == [given.id]


@pytest.mark.parametrize("status", [0, 301, 400, 410, 500])
def test_what_is_not_taken_is_sent_again_in_order(tmp_path: Path, status: int) -> None:
    """Later and later, until it is taken; what came after it waits behind it."""
    events = [refusal(at_ms=NOW * 1_000) for _ in range(3)]
    recipient = Recipient(statuses=[200, status, status, status])
    made, faults = webhook(tmp_path, ledger_with(*events), recipient)
    pauses = [made.send_waiting() for _ in range(4)]
    assert recipient.ids == [event.id for event in events]
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[3] == webhooks.POLL_SECONDS
    assert faults.counts["webhook_refused"] == 3


def test_pauses_have_an_end(tmp_path: Path) -> None:
    """However long the other program is away, it is asked every few minutes."""
    recipient = Recipient(statuses=[500] * 30)
    made, _ = webhook(tmp_path, ledger_with(refusal(at_ms=NOW * 1_000)), recipient)
    assert max(made.send_waiting() for _ in range(30)) <= webhooks.LONGEST_PAUSE * 1.2


def test_one_process_sends(tmp_path: Path) -> None:
    """While another one holds the lock, nothing is sent here."""
    recipient = Recipient()
    made, _ = webhook(tmp_path, ledger_with(refusal(at_ms=NOW * 1_000)), recipient)
    with held(tmp_path / "webhook-lock"):
        made.send_waiting()
        assert recipient.told == []
    made.send_waiting()
    assert len(recipient.told) == 1


def test_a_new_start_goes_on_where_it_was(tmp_path: Path) -> None:
    """Nothing is told twice when nothing went wrong; a replaced ledger is told from its start."""
    recipient = Recipient()
    ledger = ledger_with(refusal(at_ms=NOW * 1_000))
    webhook(tmp_path, ledger, recipient)[0].send_waiting()
    later = refusal(at_ms=NOW * 1_000)
    ledger.defer(later)
    webhook(tmp_path, ledger, recipient)[0].send_waiting()
    assert recipient.ids[1:] == [later.id]
    other = refusal(at_ms=NOW * 1_000)
    webhook(tmp_path, ledger_with(other), recipient)[0].send_waiting()
    assert recipient.ids[2:] == [other.id]
    assert stat.S_IMODE((tmp_path / "webhook").stat().st_mode) == 0o600


def test_a_row_that_nobody_can_read_stops_nothing(tmp_path: Path) -> None:
    """Erased, or of a later version: the next one is told."""
    ledger, recipient = ledger_with(), Recipient()
    ledger.rows = lambda after, limit: [  # type: ignore[method-assign]
        row
        for row in [(1, "x", "", b"{}"), (2, "y", "", refusal(at_ms=NOW * 1_000).canonical())]
        if row[0] > after
    ]
    webhook(tmp_path, ledger, recipient)[0].send_waiting()
    assert len(recipient.told) == 1


def test_a_ledger_that_is_down_is_asked_again(tmp_path: Path) -> None:
    """The fault is counted, and the events wait."""
    recipient = Recipient()
    made, faults = webhook(tmp_path, ledger_with(), recipient)
    made._ledger = None  # type: ignore[assignment]  # raises whatever is asked
    made.send_waiting()
    assert faults.counts["webhook_failed"] == 1


def policy_with(folder: Path, address: str, **changes: Any) -> Any:
    url = changes.pop("url", f"sqlite:{folder}/ledger.sqlite3")
    return replace(
        SHOP,
        ledger=LedgerSettings(url=url),
        log=LogSettings(access_log="leave"),
        webhook=WebhookSettings(url=address, **changes),
    )


def test_a_gate_tells_it_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice of a visitor arrives at the other program, signed by old and new secret."""
    other = "whsec_" + base64.b64encode(b"n" * 32).decode()
    monkeypatch.setenv("CONSENTGATE_WEBHOOK_SECRET", f"{other} {WRITTEN}")
    with listening(Recipient(statuses=[302])) as recipient:
        monkeypatch.setattr(webhooks, "FIRST_PAUSE", 0.05)
        gate = ConsentGate(
            raw.page(), policy=policy_with(tmp_path, recipient.address), development=True
        )
        notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
        run(gate, *form("/privacy-choices", {"choice": "reject", "notice": notice}))
        ends = time.monotonic() + 10
        while not recipient.told:
            assert time.monotonic() < ends
            time.sleep(0.02)
        gate.close()
    fields, body = recipient.told[0]
    assert is_signed(fields, body)
    assert is_signed(fields, body, b"n" * 32)
    assert json.loads(body)["type"] == "choice.refuse"


def test_a_webhook_that_cannot_work_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a secret, with a bad one, or with no place to note how far it has come."""
    address = "https://other.example/told"
    monkeypatch.delenv("CONSENTGATE_WEBHOOK_SECRET", raising=False)
    with pytest.raises(SecretError, match="nothing to sign webhooks with"):
        ConsentGate(raw.page(), policy=policy_with(tmp_path, address), development=True)
    monkeypatch.setenv("CONSENTGATE_WEBHOOK_SECRET", "whsec_planted")
    with pytest.raises(SecretError, match="expected whsec_") as raised:
        ConsentGate(raw.page(), policy=policy_with(tmp_path, address), development=True)
    assert "planted" not in str(raised.value)
    monkeypatch.setenv("CONSENTGATE_WEBHOOK_SECRET", WRITTEN)
    with pytest.raises(SettingError, match="expected a file"):
        ConsentGate(
            raw.page(), policy=policy_with(tmp_path, address, url="memory:"), development=True
        )
    broken = tmp_path / "progress"
    broken.write_text("[]")
    with pytest.raises(SettingError, match="is no progress"):
        ConsentGate(
            raw.page(),
            policy=policy_with(tmp_path, address, progress=str(broken)),
            development=True,
        )


def program(folder: Path, address: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.asgi.telling_program", str(folder / "ledger.sqlite3")]
    return subprocess.Popen([*command, address, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.requirement("WDR-07")
def test_no_kill_loses_an_event(tmp_path: Path) -> None:
    """``WEBHOOK_KILLS=50`` kills it as often: whatever was durable is told, and is signed."""
    chance = random.Random(16)
    stored: list[str] = []
    with listening(Recipient(statuses=[200, 500, 200, 200, 503])) as recipient:
        for _ in range(KILLS):
            running = program(tmp_path, recipient.address)
            assert running.stdout is not None
            stored.append(running.stdout.readline().strip())
            time.sleep(chance.uniform(0, 0.15))
            running.send_signal(signal.SIGKILL)
            stored += [line.strip() for line in running.stdout if len(line) == 33]
            running.wait()
        assert program(tmp_path, recipient.address, "--finish").wait(60) == 0
    assert len(stored) >= KILLS
    assert set(stored) <= set(recipient.ids)
    assert all(is_signed(fields, body) for fields, body in recipient.told)
