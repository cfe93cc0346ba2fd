"""The visitor's receipt, the last checkpoint and the page that checks, on a running gate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.policy.policy import LedgerSettings, LogSettings
from consentgate.formats.proof.notes import Ed25519Signer, verifier_of
from consentgate.formats.proof.receipts import check
from consentgate.ledger.sqlite import SqliteLedger
from tests.asgi import raw
from tests.asgi.raw import NOW, http, run
from tests.policies import SHOP

SIGNER = Ed25519Signer("shop.example/privacy-choices", bytes(range(32)))
BROWSER = [(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ConsentGate]]:
    """Gates over one SQLite ledger."""
    monkeypatch.setenv("CONSENTGATE_SECRET", "a-secret-of-forty-characters-for-tests-00")
    made: list[ConsentGate] = []

    def make(**options: Any) -> ConsentGate:
        policy = replace(
            SHOP,
            ledger=LedgerSettings(url=f"sqlite:{tmp_path}/ledger.sqlite3"),
            log=LogSettings(directory="", access_log="leave"),
        )
        gate = ConsentGate(raw.page(), policy=policy, clock=lambda: float(NOW), **options)
        made.append(gate)
        return gate

    yield make
    for gate in made:
        gate.close()


def receipt(gate: ConsentGate, cookie: str = "", query: bytes = b"") -> raw.Exchange:
    """The receipt, asked for until it is ready."""
    for _ in range(200):
        answer = run(gate, http("/privacy-choices/receipt", cookie=cookie, query=query))
        if answer.status != 202:
            return answer
        assert answer.one(b"retry-after") == b"2"
        time.sleep(0.05)
    raise AssertionError("the receipt is never ready")


@pytest.mark.requirement("REC-09")
def test_a_visitor_downloads_a_receipt_that_anyone_can_check(
    make: Callable[..., ConsentGate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names this choice, and the site's published key has signed it."""
    monkeypatch.setenv("CONSENTGATE_PROOF_KEY", SIGNER.secret())
    gate = make()
    cookie = raw.chosen(gate, choice="save", p=["statistics"])
    answer = receipt(gate, cookie)
    assert answer.status == 200
    assert answer.one(b"content-type") == b"application/ld+json"
    assert (answer.one(b"content-disposition") or b"").startswith(b"attachment; filename=")
    assert answer.one(b"cache-control") == b"private, no-store"
    key = run(gate, http("/privacy-choices/verifier-key")).text
    found = check(answer.text, [verifier_of(key.strip())])
    assert (found.is_proven, found.is_public) == (True, True)
    assert found.event is not None
    assert found.event["purposes"] == {
        "functional": False,
        "statistics": True,
        "marketing": False,
    }


def test_without_a_key_pair_the_operator_alone_can_check(make: Callable[..., ConsentGate]) -> None:
    """The receipt is whole, carries no key, and says of itself no more than it is worth."""
    gate = make()
    answer = receipt(gate, raw.chosen(gate, choice="accept"))
    found = check(answer.text)
    assert (found.broken, found.signed_by) == (None, "")
    keys = gate.assembly.receipts._keys.verifiers
    assert check(answer.text, keys).is_proven
    assert run(gate, http("/privacy-choices/verifier-key")).status == 404


def test_a_receipt_that_is_not_ready_is_announced(make: Callable[..., ConsentGate]) -> None:
    """A program is told to come again; a browser sees the choices page and asks by itself."""
    gate = make()
    cookie = raw.chosen(gate, choice="accept")
    answer = run(gate, http("/privacy-choices/receipt", cookie=cookie))
    assert (answer.status, json.loads(answer.body)) == (202, {"status": "pending"})
    shown = run(gate, http("/privacy-choices/receipt", cookie=cookie, headers=BROWSER))
    if shown.status == 202:  # unless it became ready just then
        assert shown.one(b"refresh") == b"2"
        assert b"<!doctype html>" in shown.body


def test_the_newest_choice_is_the_one_on_the_receipt(make: Callable[..., ConsentGate]) -> None:
    """After a change the receipt is of what holds now."""
    gate = make()
    raw.chosen(gate, choice="accept")
    cookie = raw.chosen(gate, choice="save", p=["marketing"])
    found = check(receipt(gate, cookie).text)
    assert found.event is not None
    assert [key for key, said in found.event["purposes"].items() if said] == ["marketing"]


def test_a_refusal_is_found_by_its_random_id_alone(
    make: Callable[..., ConsentGate], tmp_path: Path
) -> None:
    """Its cookie carries no identifier, so who knows the event's id gets its receipt."""
    gate = make()
    cookie = raw.chosen(gate, choice="reject")
    assert receipt(gate, cookie).status == 404
    (event,) = SqliteLedger(tmp_path / "ledger.sqlite3").events()
    found = check(receipt(gate, query=f"event={event.id}".encode()).text)
    assert found.event is not None
    assert found.event["state"] == "ConsentRefused"


@pytest.mark.parametrize("query", [b"", b"event=" + b"0" * 32, b"event=x", b"event=" + b"a" * 9000])
def test_nobody_gets_no_receipt(make: Callable[..., ConsentGate], query: bytes) -> None:
    """Without a choice, or with an id that is none: 404 with a reason."""
    gate = make()
    answer = run(gate, http("/privacy-choices/receipt", query=query))
    assert (answer.status, json.loads(answer.body)["code"]) == (404, "no_receipt")


def test_the_choices_page_links_the_receipt_and_the_check(
    make: Callable[..., ConsentGate],
) -> None:
    """One link each after a grant; none where there is nothing to show."""
    gate = make()
    assert "/receipt" not in run(gate, http("/privacy-choices")).text
    text = run(gate, http("/privacy-choices", cookie=raw.chosen(gate, choice="accept"))).text
    assert text.count('href="/privacy-choices/receipt"') == 1
    assert text.count('href="/privacy-choices/receipt-verify.html"') == 1
    assert (
        "/receipt"
        not in run(gate, http("/privacy-choices", cookie=raw.chosen(gate, choice="reject"))).text
    )


def test_the_checkpoint_is_there_for_everyone(make: Callable[..., ConsentGate]) -> None:
    """The last one, as a signed note; 404 before the first."""
    gate = make()
    assert run(gate, http("/privacy-choices/checkpoint")).status == 404
    receipt(gate, raw.chosen(gate, choice="accept"))
    answer = run(gate, http("/privacy-choices/checkpoint"))
    assert answer.status == 200
    assert answer.text.splitlines()[1] == "1"
    assert answer.one(b"access-control-allow-origin") == b"*"


@pytest.mark.parametrize("kind", ["html", "js", "css"])
def test_the_page_that_checks_is_served(make: Callable[..., ConsentGate], kind: str) -> None:
    """With a policy that lets it load its own two files and reach nobody."""
    answer = run(make(), http(f"/privacy-choices/receipt-verify.{kind}"))
    assert answer.status == 200
    assert b"default-src 'none'" in (answer.one(b"content-security-policy") or b"")


@pytest.mark.parametrize("rest", ["receipt-verify", "receipt-verify.svg", "receipt-verify.js.js"])
def test_nothing_beside_the_page_is_served(make: Callable[..., ConsentGate], rest: str) -> None:
    """Its three files and no other."""
    assert run(make(), http(f"/privacy-choices/{rest}")).status == 404


def test_a_ledger_that_was_rewritten_stops_the_proof_and_no_choice(
    make: Callable[..., ConsentGate], tmp_path: Path
) -> None:
    """Visitors go on choosing, and no receipt says what is not so."""
    import sqlite3

    gate = make()
    cookie = raw.chosen(gate, choice="accept")
    assert receipt(gate, cookie).status == 200
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
    connection.executescript(
        "DROP TRIGGER event_is_never_changed; UPDATE event SET body = CAST(replace(body, 'true', 'null') AS BLOB)"
    )
    connection.close()
    assert receipt(gate, cookie).status == 503
    assert raw.chosen(gate, choice="accept"), "choices go on"


def test_events_are_proven_without_anybody_asking(
    make: Callable[..., ConsentGate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every few seconds, in a thread of its own."""
    import threading

    monkeypatch.setattr("consentgate.asgi.choices.receipts.EVERY_SECONDS", 0.05)
    gate = make()
    seen: set[str] = set()
    store = gate.assembly.proof.ledger.proof
    extend = store.extend

    def noted(*given: Any) -> None:
        seen.add(threading.current_thread().name)
        extend(*given)

    monkeypatch.setattr(store, "extend", noted)
    raw.chosen(gate, choice="reject")
    ends = time.monotonic() + 10
    while store.position().size < 1 and time.monotonic() < ends:
        time.sleep(0.02)
    assert seen == {"consentgate-proof"}
