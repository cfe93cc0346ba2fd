"""The ledger seen through the gate: when it is asked, what it is told, and what if it is down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.events import Kind
from consentgate.domain.policy.policy import LedgerSettings, LogSettings
from consentgate.errors import LedgerUnavailable
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.sqlite import SqliteLedger
from tests.asgi import raw
from tests.asgi.raw import NOW, form, http, regime_of, run
from tests.policies import SHOP

PLANTED = {
    "address": "203.0.113.77",
    "agent": "PlantedAgent/7.3",
    "cookie": "planted-cookie-value",
    "query": "planted-query-value",
    "referrer": "planted-referrer.example",
    "mail": "jane.planted@example.com",
    "language": "tlh",
    "forwarded": "198.51.100.99",
}
HEADERS = [
    (b"user-agent", PLANTED["agent"].encode()),
    (b"referer", f"https://{PLANTED['referrer']}/?q={PLANTED['mail']}".encode()),
    (b"cookie", f"session={PLANTED['cookie']}; _fbp={PLANTED['cookie']}".encode()),
    (b"accept-language", PLANTED["language"].encode()),
    (b"x-forwarded-for", PLANTED["forwarded"].encode()),
    (b"authorization", b"Bearer planted-cookie-value"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proof"


@pytest.fixture
def gate(folder: Path) -> Iterator[ConsentGate]:
    policy = replace(
        SHOP,
        ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3"),
        log=LogSettings(directory="", access_log="leave"),
    )
    made = ConsentGate(raw.page(), policy=policy, development=True, clock=lambda: float(NOW))
    yield made
    made.close()


def events(folder: Path) -> list[Any]:
    """What another process reads at this moment."""
    return list(SqliteLedger(folder / "ledger.sqlite3").events())


def notice(gate: ConsentGate) -> str:
    found: str = gate.assembly.pages.notice("en", regime_of(gate))[0]
    return found


def choose(gate: ConsentGate, choice: str, **more: Any) -> raw.Exchange:
    fields = {"choice": choice, "notice": notice(gate), "source": "banner", **more.pop("also", {})}
    return run(gate, *form("/privacy-choices", fields, **more))


def planted_in(folder: Path) -> set[str]:
    """Planted values in any byte of any file of a folder."""
    bodies = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert bodies, "there is nothing to search"
    return {name for name, value in PLANTED.items() for body in bodies if value.encode() in body}


@pytest.mark.requirement("REC-05", "REC-12")
def test_each_kind_of_choice_is_an_event(gate: ConsentGate, folder: Path) -> None:
    """Refusal, grant, change and withdrawal, with what was said of each purpose."""
    token = raw.chosen(gate, choice="reject")
    token = raw.chosen(gate, choice="save", p=["statistics"])
    accepted = choose(gate, "accept", cookie=token).cookies
    choose(gate, "withdraw", cookie="; ".join(f"{name}={v}" for name, v in accepted.items()))
    found = events(folder)
    assert [event.kind for event in found] == [
        Kind.REFUSE,
        Kind.GRANT,
        Kind.CHANGE,
        Kind.WITHDRAW,
    ]
    assert [sum(event.purposes.values()) for event in found] == [0, 1, 3, 0]
    assert all(set(event.purposes) == {"functional", "statistics", "marketing"} for event in found)
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", e.id) for e in found)
    assert [bool(event.subject) for event in found] == [False, True, True, True]
    assert found[3].subject == found[2].subject, "a withdrawal names the grant that it ends"


def test_the_event_is_in_the_file_before_the_answer_leaves(gate: ConsentGate, folder: Path) -> None:
    """At the first byte of the answer another process already reads the event."""
    seen: list[int] = []

    async def watched() -> None:
        scope, sent = form("/privacy-choices", {"choice": "reject", "notice": notice(gate)})
        await raw.drive(gate, scope, sent, on_send=lambda _: seen.append(len(events(folder))))

    import asyncio

    asyncio.run(watched())
    assert seen
    assert seen[0] == 1


@pytest.mark.requirement("REC-06")
def test_no_file_holds_who_it_was(gate: ConsentGate, folder: Path) -> None:
    """No address, agent, cookie, query, referrer or language, in any byte of any file."""
    more = {"headers": HEADERS, "client": (PLANTED["address"], 4711)}
    query = f"mail={PLANTED['mail']}&q={PLANTED['query']}".encode()
    also = {"next": f"/x?{query.decode()}"}
    for choice in ("reject", "accept", "withdraw", "dismiss", "save"):
        assert choose(gate, choice, query=query, also=also, **more).status == 303
    assert len(events(folder)) == 5
    assert planted_in(folder) == set()


@pytest.mark.requirement("REC-06")
def test_no_spool_holds_who_it_was(gate: ConsentGate, folder: Path) -> None:
    """The same while the ledger is down and refusals are queued beside it."""
    folder.joinpath("ledger.sqlite3").mkdir(parents=True)
    more = {"headers": HEADERS, "client": (PLANTED["address"], 4711)}
    assert choose(gate, "reject", **more).status == 303
    assert list(folder.glob("*.spool.*"))
    assert planted_in(folder) == set()


@pytest.mark.requirement("REC-02")
def test_the_notice_that_was_shown_can_be_read_back(gate: ConsentGate, folder: Path) -> None:
    """The event names the notice by its SHA-256, and the ledger holds its exact bytes."""
    import hashlib

    choose(gate, "accept")
    (event,) = events(folder)
    body = SqliteLedger(folder / "ledger.sqlite3").notice(event.notice_hash)
    assert body is not None
    assert hashlib.sha256(body).hexdigest() == event.notice_hash == notice(gate)
    assert b"Example Shop" in body


class Deaf(MemoryLedger):
    """A ledger that raises at any reading, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def _refuse(self, *_: object) -> Any:
        self.asked += 1
        raise LedgerUnavailable("it must not be read")

    meanings = notice = events = _refuse  # type: ignore[assignment]


def test_no_request_reads_the_ledger(gate: ConsentGate) -> None:
    """The token alone answers: pages, own addresses and choices go on where reading fails."""
    deaf = Deaf()
    gate.assembly.proof.ledger = deaf
    token = raw.chosen(gate, choice="accept")
    for cookie in ("", token, "choices=broken"):
        assert run(gate, http(cookie=cookie)).status == 200
        assert run(gate, http("/privacy-choices", cookie=cookie)).status == 200
        assert run(gate, http("/privacy-choices/state", cookie=cookie)).status == 200
    assert json.loads(run(gate, http("/privacy-choices/state", cookie=token)).body)
    assert deaf.asked == 0


class Failing(MemoryLedger):
    """A ledger in which nothing can be written."""

    def __init__(self, error: Exception, *, can_queue: bool) -> None:
        super().__init__()
        self.error = error
        self.can_queue = can_queue
        self.queued: list[object] = []

    async def append(self, event: object) -> None:
        raise self.error

    def defer(self, event: object) -> None:
        if not self.can_queue:
            raise self.error
        self.queued.append(event)


DOWN = LedgerUnavailable("ledger.sqlite3: cannot write: disk I/O error")
FAULT = ZeroDivisionError("a fault of our own")


@pytest.mark.requirement("SEC-03")
@pytest.mark.parametrize("choice", ["reject", "withdraw", "dismiss"])
@pytest.mark.parametrize("error", [DOWN, FAULT], ids=["down", "fault"])
@pytest.mark.parametrize("can_queue", [True, False], ids=["queued", "not even queued"])
def test_a_refusal_takes_effect_whatever_the_ledger_does(
    gate: ConsentGate, choice: str, error: Exception, can_queue: bool
) -> None:
    """The token is set and denied cookies are expired; the event waits where it can."""
    token = raw.chosen(gate, choice="accept")
    ledger = gate.assembly.proof.ledger = Failing(error, can_queue=can_queue)
    answer = choose(gate, choice, cookie=f"{token}; _fbp=1")
    assert (answer.raised, answer.status) == (None, 303)
    after = f"choices={answer.cookies['choices']}"
    state = json.loads(run(gate, http("/privacy-choices/state", cookie=after)).body)
    assert not any(state["purposes"][key] for key in ("functional", "statistics", "marketing"))
    assert any(line.startswith(b"_fbp=;") for line in answer.set_cookies)
    assert len(ledger.queued) == can_queue


@pytest.mark.parametrize("error", [DOWN, FAULT], ids=["down", "fault"])
@pytest.mark.parametrize("is_json", [False, True], ids=["form", "json"])
def test_a_grant_that_cannot_be_proven_is_not_accepted(
    gate: ConsentGate, error: Exception, is_json: bool
) -> None:
    """503, an explanation, and no token: permission without proof is none."""
    gate.assembly.proof.ledger = Failing(error, can_queue=True)
    if is_json:
        body = json.dumps({"choice": "accept", "notice": notice(gate)}).encode()
        answer = run(gate, *raw.post("/privacy-choices", body, media_type=b"application/json"))
    else:
        answer = choose(gate, "accept")
    assert (answer.raised, answer.status) == (None, 503)
    assert "choices" not in answer.cookies
    assert answer.body


def test_the_operator_hears_once_that_choices_are_not_recorded(
    gate: ConsentGate, caplog: pytest.LogCaptureFixture
) -> None:
    """One line names the cause; the counter goes on."""
    gate.assembly.proof.ledger = Failing(DOWN, can_queue=True)
    for _ in range(3):
        choose(gate, "reject")
    said = [record.getMessage() for record in caplog.records if record.name == "consentgate"]
    assert len([line for line in said if "disk I/O error" in line]) == 1
    assert gate.assembly.faults.counts["ledger_unavailable"] == 3


def test_a_queued_refusal_arrives_when_the_ledger_is_back(gate: ConsentGate, folder: Path) -> None:
    """What was queued is in the ledger after the next choice, in the order it was made."""
    folder.joinpath("ledger.sqlite3").mkdir(parents=True)
    assert choose(gate, "reject").status == 303
    assert choose(gate, "accept").status == 503
    folder.joinpath("ledger.sqlite3").rmdir()
    assert choose(gate, "accept").status == 303
    assert [event.kind for event in events(folder)] == [Kind.REFUSE, Kind.GRANT]


def test_refusals_can_go_unrecorded(folder: Path) -> None:
    """`records_refusals = false`: a refusal takes effect and leaves nothing, not even a file."""
    policy = replace(
        SHOP,
        ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3", records_refusals=False),
        log=LogSettings(directory="", access_log="leave"),
    )
    gate = ConsentGate(raw.page(), policy=policy, development=True, clock=lambda: float(NOW))
    assert choose(gate, "reject").status == 303
    assert not folder.exists()
    gate.close()


@pytest.mark.requirement("REC-05")
def test_a_withdrawal_is_recorded_where_refusals_are_not(folder: Path) -> None:
    """The ledger would go on saying that a grant stands which its visitor took back."""
    policy = replace(
        SHOP,
        ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3", records_refusals=False),
        log=LogSettings(directory="", access_log="leave"),
    )
    gate = ConsentGate(raw.page(), policy=policy, development=True, clock=lambda: float(NOW))
    choose(gate, "withdraw", cookie=raw.chosen(gate, choice="accept"))
    gate.close()
    assert [event.kind for event in events(folder)] == [Kind.GRANT, Kind.WITHDRAW]


def test_earlier_meanings_that_cannot_be_read_stop_no_start(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The gate starts beside a broken ledger and says so."""
    folder.mkdir()
    folder.joinpath("ledger.sqlite3").write_bytes(b"no database at all " * 300)
    policy = replace(
        SHOP,
        ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3"),
        log=LogSettings(directory="", access_log="leave"),
    )
    gate = ConsentGate(raw.page(), policy=policy, development=True, clock=lambda: float(NOW))
    assert "meanings are not readable" in caplog.text
    assert run(gate, http()).status == 200
    gate.close()
