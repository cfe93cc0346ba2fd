"""A cookie from before a withdrawal: still well signed, and worth nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from consentgate import ConsentGate
from consentgate.asgi.consent import SCOPE_KEY
from consentgate.asgi.faults import Faults
from consentgate.asgi.revoking import revocations
from consentgate.asgi.revoking.marks import Marks, mark_of
from consentgate.asgi.revoking.revocations import Revocations
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import LedgerSettings, LogSettings, Policy, RegimeSettings
from consentgate.ledger.memory import MemoryLedger
from tests.asgi import raw
from tests.asgi.raw import NOW, form, http, regime_of, run
from tests.events import refusal
from tests.policies import SHOP

SECRET = "a-secret-of-the-tests-that-is-long-enough-0123456789"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENTGATE_SECRET", SECRET)


def gate_on(folder: Path, policy: Policy = SHOP) -> ConsentGate:
    """A worker of a site whose ledger lies there."""
    settings = replace(policy.ledger, url=f"sqlite:{folder}/ledger.sqlite3")
    policy = replace(policy, ledger=settings, log=LogSettings(directory="", access_log="leave"))
    return ConsentGate(raw.page(), policy=policy, clock=lambda: float(NOW))


def press(gate: ConsentGate, cookie: str = "", **fields: object) -> str:
    """The cookies of a browser after a choice."""
    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    answer = run(gate, *form("/privacy-choices", {"notice": notice, **fields}, cookie=cookie))
    assert answer.status == 303
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def allowed(gate: ConsentGate, cookie: str) -> set[str]:
    """The optional purposes that a request with these cookies permits."""
    answer = run(gate, http(cookie=cookie))
    assert answer.status == 200
    consent = gate.app.scope[SCOPE_KEY]  # type: ignore[attr-defined]  # a Script
    return {key for key in ("functional", "statistics", "marketing") if consent.allows(key)}


EVERYTHING = {"functional", "statistics", "marketing"}


@pytest.mark.requirement("WDR-03", "WDR-08")
@pytest.mark.parametrize("end", ["withdraw", "reject"])
def test_a_withdrawn_cookie_grants_nothing_again(tmp_path: Path, end: str) -> None:
    """The saved cookie of before is refused from the next request on."""
    gate = gate_on(tmp_path)
    old = press(gate, choice="accept")
    assert allowed(gate, old) == EVERYTHING
    press(gate, old, choice=end)
    assert allowed(gate, old) == set()


def test_under_opt_out_it_is_a_refusal(tmp_path: Path) -> None:
    """Where silence grants, the old cookie refuses."""
    gate = gate_on(tmp_path, replace(SHOP, regimes=RegimeSettings(fixed="opt-out")))
    old = press(gate, choice="accept")
    press(gate, old, choice="reject")
    assert allowed(gate, "") == EVERYTHING
    assert allowed(gate, old) == set()


def test_no_cookie_of_the_chain_comes_back(tmp_path: Path) -> None:
    """Whoever changed their mind before withdrawing has two older cookies; both are refused."""
    gate = gate_on(tmp_path)
    first = press(gate, choice="accept")
    second = press(gate, first, choice="save", p=["statistics"])
    assert allowed(gate, first) == set()  # marketing was withdrawn
    assert allowed(gate, second) == {"statistics"}
    press(gate, second, choice="withdraw")
    assert allowed(gate, first) == allowed(gate, second) == set()


def test_a_grant_for_the_session_ends_too(tmp_path: Path) -> None:
    """The cookie that grants one service for this session is refused after a withdrawal."""
    gate = gate_on(tmp_path)
    once = press(gate, choice="service", service="maps", span="once")
    run(gate, http(cookie=once))
    consent = gate.app.scope[SCOPE_KEY]  # type: ignore[attr-defined]  # a Script
    assert consent.allows("maps")
    press(gate, once, choice="withdraw")
    run(gate, http(cookie=once))
    consent = gate.app.scope[SCOPE_KEY]  # type: ignore[attr-defined]  # a Script
    assert not consent.allows("maps")


def test_another_worker_knows_it_within_two_seconds(tmp_path: Path) -> None:
    """A worker that has just served the cookie refuses it two seconds later at most."""
    one, other = gate_on(tmp_path), gate_on(tmp_path)
    old = press(one, choice="accept")
    assert allowed(other, old) == EVERYTHING
    press(one, old, choice="withdraw")
    started = time.monotonic()
    while allowed(other, old):
        assert time.monotonic() - started < 2
        time.sleep(0.02)


def test_it_is_known_after_a_restart(tmp_path: Path) -> None:
    """A new process refuses it at its first request."""
    gate = gate_on(tmp_path)
    old = press(gate, choice="accept")
    press(gate, old, choice="withdraw")
    gate.close()
    assert allowed(gate_on(tmp_path), old) == set()


def test_it_is_known_after_a_new_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks take no key: what ended under the old secret has ended under the new one."""
    gate = gate_on(tmp_path)
    old, kept = press(gate, choice="accept"), press(gate, choice="accept")
    press(gate, old, choice="withdraw")
    gate.close()
    monkeypatch.setenv(
        "CONSENTGATE_SECRET", f"another-secret-of-the-tests-{NOW}-0123456789 {SECRET}"
    )
    later = gate_on(tmp_path)
    assert allowed(later, old) == set()
    assert allowed(later, kept) == EVERYTHING


def test_an_unrecorded_refusal_still_ends_a_grant(tmp_path: Path) -> None:
    """With ``record_refusals`` off the ledger still says which grants have ended."""
    gate = gate_on(tmp_path, replace(SHOP, ledger=LedgerSettings(records_refusals=False)))
    old = press(gate, choice="accept")
    press(gate, old, choice="withdraw")
    assert gate.assembly.revocations.count == 1
    assert [len(event.ends) for event in gate.assembly.proof.ledger.events()] == [0, 1]


def test_the_ledger_tells_no_id(tmp_path: Path) -> None:
    """What it says of an ended grant is not a piece of the cookie's own id."""
    gate = gate_on(tmp_path)
    old = press(gate, choice="accept")
    (grant,) = gate.assembly.reader.ids([old.partition("=")[2].encode()])
    press(gate, old, choice="withdraw")
    (mark,) = list(gate.assembly.proof.ledger.events())[-1].ends
    assert mark not in grant
    assert len(mark) == 24


def test_a_ledger_that_is_down_costs_no_start(tmp_path: Path) -> None:
    """The gate starts, and follows the ledger as soon as it can be read."""
    path = tmp_path / "ledger.sqlite3"
    gate = gate_on(tmp_path)
    old = press(gate, choice="accept")
    press(gate, old, choice="withdraw")
    gate.close()
    aside = path.rename(tmp_path / "aside")
    path.mkdir()
    later = gate_on(tmp_path)
    assert later.assembly.revocations.count == 0
    path.rmdir()
    aside.rename(path)
    later.assembly.revocations.poll()
    assert allowed(later, old) == set()


def followed(ledger: MemoryLedger, **options: int) -> Revocations:
    return Revocations(
        ledger, Faults(), clock=lambda: float(NOW), **{"lifetime_days": 180, **options}
    )


def ended(choice_id: str, *, days_ago: int = 0) -> object:
    at_ms = (NOW - days_ago * 86_400) * 1_000
    return refusal(ends=(mark_of(choice_id).hex(),), at_ms=at_ms)


def test_what_ended_longer_ago_than_grants_last_is_forgotten() -> None:
    """A cookie as old as that has lapsed by itself."""
    ledger = MemoryLedger()
    for name, days in (("old", 181), ("new", 179)):
        ledger.defer(ended(name, days_ago=days))  # type: ignore[arg-type]
    known = followed(ledger)
    known.load()
    assert known.count == 1


def test_memory_is_bounded() -> None:
    """Beyond the bound less time is looked back on, and older grants count as ended."""
    ledger = MemoryLedger()
    for number in range(40):
        ledger.defer(ended(f"{number}", days_ago=4 * number))  # type: ignore[arg-type]
    known = followed(ledger, most=25)
    known.load()
    assert known.count == 23
    assert known.since == NOW - 90 * 86_400
    assert known.has(Choice(made_at=known.since - 1, id="any"))
    assert not known.has(Choice(made_at=known.since, id="any"))
    known.close()


def test_a_replaced_ledger_is_read_anew() -> None:
    """Where the last row known is not there any more, all are read again."""
    ledger = MemoryLedger()
    ledger.defer(ended("first"))  # type: ignore[arg-type]
    known = followed(ledger)
    known.load()
    ledger.forget(2)
    ledger._forgotten = 0  # another file
    ledger.defer(ended("second"))  # type: ignore[arg-type]
    known.poll()
    assert known.has(Choice(made_at=NOW, id="second"))
    known.close()


def test_a_mark_is_found_among_many() -> None:
    """Every mark put in is found, no other is, and one put in twice counts once."""
    marks = Marks(mark_of(str(number)) for number in range(50_000))
    marks.add([mark_of("7")])
    assert marks.count == 50_000
    assert all(mark_of(str(number)) in marks for number in range(50_000))
    assert not any(mark_of(f"other {number}") in marks for number in range(50_000))


def test_the_thread_ends_with_its_gate(tmp_path: Path) -> None:
    """Closing a gate, or letting go of it, ends the thread that follows the ledger."""
    gate = gate_on(tmp_path)
    press(gate, press(gate, choice="accept"), choice="withdraw")
    allowed(gate, press(gate, choice="accept"))
    thread = gate.assembly.revocations._beside.thread
    assert thread is not None
    assert thread.is_alive()
    gate.close()
    thread.join(revocations.POLL_SECONDS + 1)
    assert not thread.is_alive()
