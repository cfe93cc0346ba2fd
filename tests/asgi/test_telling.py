"""Who is told of a withdrawal: the app's own functions, and the site log, which forgets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import Change, ConsentGate
from consentgate.asgi.faults import Faults
from consentgate.asgi.telling import forgetting
from consentgate.asgi.telling.forgetting import Forgetting
from consentgate.domain.policy.policy import RegimeSettings
from consentgate.log.writing.background import TICKER
from tests.asgi import raw
from tests.asgi.raw import NOW, form, http, regime_of, run
from tests.policies import SHOP

EVERYTHING = ("functional", "statistics", "marketing")
AGENT = [(b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")]


def press(gate: ConsentGate, choice: str, cookie: str = "", **more: Any) -> str:
    """The cookies of a browser after a choice."""
    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    fields = {"choice": choice, "notice": notice, **more}
    answer = run(gate, *form("/privacy-choices", fields, cookie=cookie, headers=AGENT))
    assert answer.status == 303
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


@pytest.mark.requirement("WDR-07")
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "plain"])
def test_the_app_is_told_once_what_was_taken_back_and_when(is_async: bool) -> None:
    """``on_withdraw`` and ``on_change``, with the references by which the ledger knows it."""
    told: list[tuple[str, Change]] = []

    def plain(change: Change) -> None:
        told.append(("withdraw", change))

    async def later(change: Change) -> None:
        await asyncio.sleep(0)
        plain(change)

    gate = raw.gated(
        raw.page(),
        on_withdraw=later if is_async else plain,
        on_change=lambda change: told.append(("change", change)),
    )
    cookie = press(gate, "save", p=["functional", "statistics"])
    press(gate, "save", f"{cookie}; session=s1; _an_1=x", p=["functional"])
    (_, given), (name, taken), (_, same) = told
    assert (name, taken) == ("withdraw", same)
    assert (given.given, given.taken, given.is_withdrawal) == (EVERYTHING[:2], (), False)
    assert (taken.given, taken.taken, taken.kind, taken.at) == ((), ("statistics",), "save", NOW)
    assert taken.services_taken == ("analytics",)
    assert taken.ended == (given.subject,)
    assert taken.purposes == {
        "necessary": True,
        "functional": True,
        "statistics": False,
        "marketing": False,
    }
    assert taken.request.cookies["session"] == "s1"


def test_nothing_changed_is_not_told() -> None:
    """A refusal after silence, where silence refuses, is no change."""
    told: list[Change] = []
    gate = raw.gated(raw.page(), on_change=told.append, on_withdraw=told.append)
    press(gate, "reject")
    assert told == []


def test_an_objection_under_opt_out_is_a_withdrawal() -> None:
    """What silence granted is taken back; there is no grant to name."""
    told: list[Change] = []
    policy = replace(SHOP, regimes=RegimeSettings(fixed="opt-out"))
    gate = raw.gated(raw.page(), policy, on_withdraw=told.append)
    press(gate, "reject")
    assert [(change.taken, change.ended) for change in told] == [(EVERYTHING, ())]


@pytest.mark.parametrize("name", ["on_change", "on_withdraw"])
def test_a_function_that_fails_stops_no_withdrawal(name: str) -> None:
    """It is said once; the choice stands."""

    def fails(change: Change) -> None:
        raise RuntimeError("the app's own fault")

    gate = raw.gated(raw.page(), **{name: fails})
    cookie = press(gate, "accept")
    press(gate, "withdraw", cookie)
    assert gate.assembly.faults.counts[f"{name}_failed"] >= 1
    run(gate, http(cookie=cookie))
    consent = gate.app.scope["state"]["consent"]  # type: ignore[attr-defined]  # a Script
    assert not consent.allows("statistics")


def test_a_function_that_takes_long_delays_nobody_for_long() -> None:
    """The answer leaves, and the function goes on by itself."""
    done = asyncio.Event()

    async def slow(change: Change) -> None:
        await asyncio.sleep(0.6)
        done.set()

    async def visit() -> float:
        gate = raw.gated(raw.page(), on_withdraw=slow)
        notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
        fields = {"choice": "accept", "notice": notice}
        given = await raw.drive(gate, *form("/privacy-choices", fields))
        cookie = "; ".join(f"{key}={value}" for key, value in given.cookies.items())
        started = time.monotonic()
        fields["choice"] = "withdraw"
        await raw.drive(gate, *form("/privacy-choices", fields, cookie=cookie))
        took = time.monotonic() - started
        assert not done.is_set()
        await asyncio.wait_for(done.wait(), 5)
        return took

    assert asyncio.run(visit()) < 0.6


def records_in(folder: Path) -> list[dict[str, Any]]:
    """Every access record of the log; an erased one is a line of blanks."""
    lines = [line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
    rows = [json.loads(line) for line in lines if line.strip()]
    return [row for row in rows if "tier" in row]


@pytest.mark.requirement("WDR-06")
def test_rows_held_on_that_consent_are_erased(tmp_path: Path) -> None:
    """After a withdrawal of statistics no row has the visitor's name; what nobody is named in stays."""
    gate = raw.gated(raw.page(), log=tmp_path)
    cookie = press(gate, "accept")
    run(gate, http("/mine", headers=AGENT, cookie=cookie))
    run(gate, http("/anybody", headers=AGENT))
    TICKER.finish()
    assert [row["path"] for row in records_in(tmp_path) if row.get("visitor")] == ["/mine"]
    press(gate, "save", cookie, p=["functional", "statistics"])
    gate.assembly.forgetting.close()
    assert [row["path"] for row in records_in(tmp_path) if row.get("visitor")] != []
    gate.close()
    gate = raw.gated(raw.page(), log=tmp_path)
    cookie = press(gate, "accept")
    run(gate, http("/mine", headers=AGENT, cookie=cookie))
    press(gate, "withdraw", cookie)
    gate.close()
    left = records_in(tmp_path)
    assert [row for row in left if row.get("visitor")] == []
    assert "(unmatched)" in {row["route"] for row in left}


def test_rows_that_could_not_be_erased_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With those of the next visitor who leaves; the fault is counted."""
    monkeypatch.setattr(forgetting, "PAUSE_SECONDS", 0.01)
    tried: list[Any] = []
    is_done = threading.Event()

    def erase(names: Any) -> None:
        tried.append(names)
        if len(tried) == 1:
            raise OSError("the disk")
        is_done.set()

    faults = Faults()
    forgets = Forgetting(erase, faults)
    forgets.add({"visitor": ["one"]})
    thread = forgets._thread
    if thread is not None:
        thread.join(5)
    forgets.add({"visitor": ["two"]})
    assert is_done.wait(5)
    forgets.close()
    assert tried == [{"visitor": ["one"]}, {"visitor": ["one", "two"]}]
    assert faults.counts["forgetting_failed"] == 1
