"""A visitor sees, corrects and erases what is held: only their own, and nothing comes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.revoking.revocations import Revocations
from consentgate.domain.policy.access import RightsSettings
from consentgate.domain.policy.policy import LedgerSettings, LogSettings, Policy
from consentgate.domain.policy.purposes import Purpose, Wording
from consentgate.errors import SettingError
from consentgate.log.writing.background import TICKER
from consentgate.rights.register import Register
from tests.asgi import raw
from tests.asgi.raw import Exchange, form, http, post, run
from tests.policies import SHOP

AGENT = [(b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")]
DATA, ERASE, CORRECT = (f"/privacy-choices/{name}" for name in ("data", "erase", "correct"))


def policy(folder: Path) -> Policy:
    """A shop that keeps everything there is, in one folder."""
    recognition = Purpose(key="recognition", wording=Wording("Recognition", "To know you again"))
    return replace(
        SHOP,
        purposes=(*SHOP.purposes, recognition),
        ledger=LedgerSettings(url=f"sqlite:{folder}/ledger.sqlite3"),
        log=LogSettings(directory=f"{folder}/log", is_longitudinal=True, access_log="leave"),
        rights=RightsSettings(directory=f"{folder}/rights"),
    )


def gated(folder: Path, app: Any = None, **options: Any) -> ConsentGate:
    """The shop behind its gate."""
    return ConsentGate(
        app or raw.json_answer(),
        policy=policy(folder),
        development=True,
        clock=lambda: float(raw.NOW),
        **options,
    )


def shown(gate: ConsentGate, cookie: str = "", query: bytes = b"format=json") -> dict[str, Any]:
    """What a visitor downloads."""
    answer = run(gate, http(DATA, cookie=cookie, query=query))
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body))


def erased(gate: ConsentGate, cookie: str = "", **fields: str) -> Exchange:
    """The answer to a form that erases."""
    scope, sent = form(ERASE, fields, cookie=cookie)
    return run(gate, scope, sent)


@pytest.mark.requirement("DSR-01", "TPD-09", "DSR-06")
def test_everything_that_is_held_is_shown(tmp_path: Path) -> None:
    """Events with their notices, services with their times, rows, the cookie and the app's part."""
    gate = gated(tmp_path, data_of=lambda subject: {"wishlist": [3], "of": subject})
    cookie = raw.chosen(gate, choice="accept")
    run(gate, http("/teapots", headers=AGENT, cookie=cookie))
    TICKER.finish()
    document = shown(gate, cookie)
    (event,) = document["events"]
    assert event["purposes"]["statistics"] is True
    assert run(gate, http(event["notice"])).status == 200
    assert {one["service"] for one in document["services"]} == {
        "preferences", "analytics", "ads", "maps",
    }  # fmt: skip
    assert all(one["from"] == event["at"] and not one["until"] for one in document["services"])
    assert [row["path"] for row in document["visits"]] == ["/teapots"]
    assert document["choice"]["purposes"]["marketing"] is True
    assert document["app"] == {"wishlist": [3], "of": event["subject"]}
    page = run(gate, http(DATA, cookie=cookie))
    assert page.one(b"cache-control") == b"private, no-store"
    for words in (event["id"], event["notice"], "Ads Inc.", "wishlist", "/teapots"):
        assert words in page.text
    gate.close()


@pytest.mark.requirement("DSR-02", "DSR-07")
def test_what_is_erased_is_gone_and_the_refusal_stays(tmp_path: Path) -> None:
    """Ledger, site log and app; a second look finds nothing, and the grant is over."""
    told: list[str] = []
    gate = gated(tmp_path, erase_of=told.append)
    cookie = raw.chosen(gate, choice="accept")
    run(gate, http("/teapots", headers=AGENT, cookie=cookie))
    TICKER.finish()
    (subject,) = shown(gate, cookie)["subjects"]
    answer = erased(gate, cookie)
    assert answer.status == 200
    assert "Your data has been erased." in answer.text
    assert answer.one(b"clear-site-data") == b'"storage"'
    assert told == [subject]
    after = f"choices={answer.cookies['choices']}"
    for visitor in (after, cookie):  # the new cookie, and a copy of the old one
        document = shown(gate, visitor)
        assert (document["events"], document["visits"], document["subjects"]) == ([], [], [])
        assert document["choice"]["purposes"]["statistics"] is False
    assert list(gate.assembly.proof.ledger.rows_of(subject)) == []
    (request,) = Register(tmp_path / "rights").requests()
    assert (request.ask.value, request.fate.value, request.by) == ("erasure", "answered", "visitor")
    assert request.reference in answer.text
    gate.close()


@pytest.mark.requirement("DSR-04")
@pytest.mark.parametrize("key", ["", "0" * 32, "{subject}", "{subject}.9999999999.{forged}"])
def test_nobody_sees_what_is_another_visitors(tmp_path: Path, key: str) -> None:
    """No cookie, a forged one, another's reference, a link that nobody signed: nothing is told."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    key = key.format(subject=subject, forged="A" * 43)
    query = f"format=json&key={key}".encode()
    for other in ("", cookie[:-4] + "AAAA"):
        answer = run(gate, http(DATA, cookie=other, query=query))
        if key:
            assert answer.status == 404
        else:
            assert json.loads(answer.body)["events"] == []
        assert subject.encode() not in answer.body.replace(key.encode(), b"")
        assert erased(gate, other, key=key).status == 404
    assert len(shown(gate, cookie)["events"]) == 1
    gate.close()


@pytest.mark.requirement("DSR-04")
def test_a_link_of_the_app_leads_there_for_a_while(tmp_path: Path) -> None:
    """Without a cookie, until its time is over; a link of another site is not taken."""
    now = [float(raw.NOW)]
    gate = ConsentGate(
        raw.json_answer(), policy=policy(tmp_path), development=True, clock=lambda: now[0]
    )
    cookie = raw.chosen(gate, choice="accept")
    subject = shown(gate, cookie)["subjects"][0]
    link = gate.data_link(subject)
    path, _, query = link.partition("?")
    assert path == DATA
    assert shown(gate, query=f"{query}&format=json".encode())["subjects"] == [subject]
    now[0] += 31 * 60
    assert run(gate, http(DATA, query=query.encode())).status == 404
    now[0] = float(raw.NOW)
    key = query.partition("=")[2]
    answer = erased(gate, key=key)
    assert answer.status == 200
    assert answer.set_cookies == []
    assert shown(gate, query=f"{query}&format=json".encode())["events"] == []
    assert shown(gate, cookie)["choice"]["purposes"]["marketing"] is False  # in its own browser
    with pytest.raises(SettingError, match=r"consent\.subject"):
        gate.data_link("somebody")
    gate.close()


@pytest.mark.requirement("SEC-02")
@pytest.mark.parametrize(
    ("site", "headers"),
    [
        (b"cross-site", []),
        (b"same-site", []),
        (None, []),
        (None, [(b"origin", b"null")]),
        (b"same-origin", [(b"sec-fetch-dest", b"iframe")]),
    ],
)
def test_another_site_erases_nothing(
    tmp_path: Path, site: bytes | None, headers: list[tuple[bytes, bytes]]
) -> None:
    """Neither from another page nor from within a frame."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    for path in (ERASE, CORRECT):
        scope, sent = post(path, b"text=x", site=site, headers=headers, cookie=cookie)
        assert run(gate, scope, sent).status == 403
    assert len(shown(gate, cookie)["events"]) == 1
    gate.close()


def test_json_has_to_say_that_it_means_it(tmp_path: Path) -> None:
    """A script erases with ``confirm``, and is told what was erased."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    scope, sent = post(ERASE, b"{}", media_type=b"application/json", cookie=cookie)
    assert run(gate, scope, sent).status == 400
    scope, sent = post(ERASE, b'{"confirm": true}', media_type=b"application/json", cookie=cookie)
    answer = json.loads(run(gate, scope, sent).body)
    assert answer["state"] == "answered"
    assert answer["erased"]["events"] == 2  # the grant, and the withdrawal that ended it
    gate.close()


@pytest.mark.requirement("DSR-08")
def test_a_hold_keeps_what_it_holds(tmp_path: Path) -> None:
    """The visitor is told so, the grant ends all the same, and the request waits."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    register = Register(tmp_path / "rights")
    register.hold(subject, now=raw.NOW, by="ann", why="claim 17")
    answer = erased(gate, cookie)
    assert answer.status == 202
    assert "has to be kept because of a legal claim" in answer.text
    assert len(gate.assembly.proof.ledger.rows_of(subject)) == 2
    assert [one.fate.value for one in register.requests()] == ["held"]
    after = f"choices={answer.cookies['choices']}"
    assert shown(gate, after)["choice"]["purposes"]["statistics"] is False
    gate.close()


def test_a_demand_that_is_secret_is_not_told(tmp_path: Path) -> None:
    """The data stays, and the visitor hears that the request came in."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    register = Register(tmp_path / "rights")
    from consentgate.domain.rights.requests import Ask

    demand = register.open(
        Ask.DEMAND, [subject], now=raw.NOW, by="ann", issuer="Court", barred=True
    )
    register.hold(subject, now=raw.NOW, by="ann", why="Court", demand=demand.reference)
    document = shown(gate, cookie)
    assert (document["held"], document["requests"]) == (False, [])
    answer = erased(gate, cookie)
    assert "legal" not in answer.text
    assert "Your request has been received." in answer.text
    assert len(gate.assembly.proof.ledger.rows_of(subject)) == 2
    gate.close()


def test_a_hook_that_fails_leaves_the_request_open(tmp_path: Path) -> None:
    """What is ours is erased; somebody has to finish the rest, and it is in the register."""

    async def erase_of(subject: str) -> None:
        raise OSError("no database")

    gate = gated(tmp_path, erase_of=erase_of)
    cookie = raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    assert erased(gate, cookie).status == 202
    assert list(gate.assembly.proof.ledger.rows_of(subject)) == []
    register = Register(tmp_path / "rights")
    (request,) = register.requests()
    assert request.is_open
    assert register.said(request.reference)["subjects"] == [subject]
    gate.close()


def test_data_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    """Half an answer would say that there is no more."""

    def data_of(subject: str) -> None:
        raise OSError("no database")

    gate = gated(tmp_path, data_of=data_of)
    cookie = raw.chosen(gate, choice="accept")
    assert run(gate, http(DATA, cookie=cookie)).status == 503
    gate.close()


def test_a_correction_is_made_by_the_app_or_waits(tmp_path: Path) -> None:
    """The text reaches the hook; without one it waits for the operator."""
    told: list[tuple[str, str]] = []
    gates = {
        "answered": gated(tmp_path / "a", correct_of=lambda *said: told.append(said) or True),
        "open": gated(tmp_path / "b"),
    }
    for fate, gate in gates.items():
        cookie = raw.chosen(gate, choice="accept")
        scope, sent = form(CORRECT, {"text": "My name is Bo"}, cookie=cookie)
        answer = run(gate, scope, sent)
        assert f'data-privacy-done="{fate}"' in answer.text
        scope, sent = form(CORRECT, {"text": " "}, cookie=cookie)
        assert run(gate, scope, sent).status == 400
        gate.close()
    assert [text for _, text in told] == ["My name is Bo"]
    register = Register(tmp_path / "b" / "rights")
    (request,) = register.requests()
    assert register.said(request.reference)["text"] == "My name is Bo"


def test_asking_too_often_is_refused(tmp_path: Path) -> None:
    """By a keyed hash of the network; no address is kept."""
    gate = gated(tmp_path)
    statuses = [run(gate, http(DATA)).status for _ in range(25)]
    assert statuses == [200] * 20 + [429] * 5
    gate.close()


@pytest.mark.requirement("DSR-05")
def test_opting_out_asks_for_no_proof(tmp_path: Path) -> None:
    """Who holds no cookie can refuse and withdraw; only data needs a holder."""
    gate = gated(tmp_path)
    for choice in ("reject", "withdraw"):
        assert raw.chosen(gate, choice=choice)
    assert erased(gate).status == 404
    gate.close()


def test_the_page_speaks_the_visitors_language(tmp_path: Path) -> None:
    """By the link from the choices page, in every language that is shipped."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    page = run(gate, http("/privacy-choices", query=b"lang=de", cookie=cookie))
    assert 'href="/privacy-choices/data?lang=de"' in page.text
    answer = run(gate, http(DATA, query=b"lang=de", cookie=cookie))
    assert (
        "Meine Daten löschen" in answer.text
        or gate.assembly.pages.texts["de"]["erase"] in answer.text
    )
    assert answer.one(b"content-language") == b"de"
    gate.close()


def places_with(folder: Path, needles: list[bytes]) -> list[str]:
    """Every file of a folder whose name or bytes hold one of these."""
    return [
        f"{path.relative_to(folder)}: {needle[:12]!r}"
        for path in sorted(folder.rglob("*"))
        for needle in needles
        if needle in path.name.encode() or (path.is_file() and needle in path.read_bytes())
    ]


@pytest.mark.requirement("DSR-02")
def test_no_file_names_the_visitor_afterwards(tmp_path: Path) -> None:
    """With everything switched on, while the gate runs on: not the id, not the reference."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    other = raw.chosen(gate, choice="accept")
    run(gate, http("/teapots", headers=AGENT, cookie=cookie))
    run(gate, http("/cups", headers=AGENT, cookie=other, client=("192.0.2.99", 1)))
    TICKER.finish()
    (subject,) = shown(gate, cookie)["subjects"]
    (row,) = shown(gate, cookie)["visits"]
    choice = gate.assembly.reader.read([cookie.partition("=")[2].encode()], raw.NOW)
    assert choice is not None
    needles = [
        subject.encode(),
        bytes.fromhex(subject),
        choice.id.encode(),
        bytes.fromhex(choice.id),
        cookie.partition("=")[2].encode(),
    ]
    assert places_with(tmp_path, needles)
    assert places_with(tmp_path / "log" / "live", [row["subject"].encode()])
    assert erased(gate, cookie).status == 200
    assert places_with(tmp_path, needles) == []
    assert places_with(tmp_path / "log" / "live", [row["subject"].encode()]) == []
    assert [one["path"] for one in shown(gate, other)["visits"]] == ["/cups"]
    gate.close()
    assert places_with(tmp_path, needles) == []


def test_an_erasure_by_the_operator_ends_the_grant(tmp_path: Path) -> None:
    """The cookie that is still in the browser refuses from the next look at the ledger on."""
    gate = gated(tmp_path)
    cookie, other = raw.chosen(gate, choice="accept"), raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    eraser = gate.assembly.rights._eraser
    asyncio.run(eraser.end_grants([subject], raw.NOW))
    assert eraser.erase_held([subject], {}, raw.NOW).events == 1
    gate.assembly.revocations.poll()
    assert shown(gate, cookie)["choice"]["purposes"]["marketing"] is False
    assert shown(gate, other)["choice"]["purposes"]["marketing"] is True
    gate.assembly.revocations.load()  # as at the next start
    assert gate.assembly.revocations.count == 0
    fresh = Revocations(
        gate.assembly.proof.ledger,
        gate.assembly.faults,
        lifetime_days=180,
        clock=lambda: float(raw.NOW),
        references_of=gate.assembly.rights.references.all,
    )
    fresh.load()
    reader = gate.assembly.reader
    ended = reader.codec.read(cookie.partition("=")[2].encode(), reader._payloads)
    assert ended is not None
    assert fresh.has(ended)
    fresh.close()
    gate.close()


def test_an_erased_grant_stays_ended_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event that says so stays, and names nobody; another visitor's grant still counts."""
    monkeypatch.setenv("CONSENTGATE_SECRET", "q9XcWm2vR7tKzL4nB8sYd3GhJ6fPaE1uVx5o")
    first = gated(tmp_path)
    gone, other = raw.chosen(first, choice="accept"), raw.chosen(first, choice="accept")
    assert erased(first, gone).status == 200
    first.close()
    second = gated(tmp_path)
    assert shown(second, gone)["choice"]["purposes"]["statistics"] is False
    assert shown(second, other)["choice"]["purposes"]["statistics"] is True
    second.close()


def test_without_a_register_the_page_works_too() -> None:
    """With everything in memory: shown, erased, and no correction that nobody would read."""
    gate = raw.gated(raw.json_answer())
    cookie = raw.chosen(gate, choice="accept")
    page = run(gate, http(DATA, cookie=cookie))
    assert "data-privacy-erase" in page.text
    assert "data-privacy-correct" not in page.text
    scope, sent = form(CORRECT, {"text": "x"}, cookie=cookie)
    assert run(gate, scope, sent).status == 404
    assert 'data-privacy-done="answered"' in erased(gate, cookie).text
    gate.close()


def test_a_correction_that_fails_waits(tmp_path: Path) -> None:
    """The visitor hears by when it is answered."""

    def correct_of(subject: str, text: str) -> bool:
        raise OSError("no database")

    gate = gated(tmp_path, correct_of=correct_of)
    cookie = raw.chosen(gate, choice="accept")
    scope, sent = form(CORRECT, {"text": "x"}, cookie=cookie)
    assert 'data-privacy-done="open"' in run(gate, scope, sent).text
    gate.close()


def test_where_the_register_cannot_be_written_nothing_is_erased(tmp_path: Path) -> None:
    """The grant ends all the same, and the page says that it did not work."""
    gate = gated(tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    (subject,) = shown(gate, cookie)["subjects"]
    (tmp_path / "rights").mkdir()
    (tmp_path / "rights" / "key").write_bytes(b"short")
    answer = erased(gate, cookie)
    assert answer.status == 202
    assert 'data-privacy-done="open"' in answer.text
    assert "choices" in answer.cookies
    assert len(gate.assembly.proof.ledger.rows_of(subject)) == 2
    gate.close()
