"""Versions from outside: announcements before a change, notices after it, and who is asked again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.consent import SCOPE_KEY
from consentgate.domain.events import Event
from consentgate.domain.policy.policy import (
    Announcement,
    LedgerSettings,
    Policy,
    RegimeSettings,
    Service,
)
from consentgate.domain.policy.purposes import Wording
from consentgate.errors import LedgerUnavailable
from tests.asgi.raw import (
    NOW,
    Exchange,
    chosen,
    form,
    gated,
    http,
    json_answer,
    page,
    regime_of,
    run,
)
from tests.policies import SHOP

DAY = 86_400
DAY_OF_CHANGE = dt.date(2026, 10, 1)
NEWS = Announcement(effective=DAY_OF_CHANGE, summary="We will show <b>other</b> adverts.")
ANNOUNCED = replace(SHOP, announces=NEWS)
STRIP = b"data-privacy-news"
GPC, DNT = (b"sec-gpc", b"1"), (b"dnt", b"1")


def at(policy: Policy, moment: int = NOW, app: Any = None, **options: Any) -> ConsentGate:
    return gated(app or page(), policy, clock=lambda: float(moment), **options)


def fixed(place: str, policy: Policy = SHOP) -> Policy:
    return replace(policy, regimes=RegimeSettings(fixed=place))


# Before a change -----------------------------------------------------------------------------


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("place", ["DE", "US-CA", "JP"])
@pytest.mark.parametrize("path", ["/", "/privacy-choices", "/privacy-choices/disclosure"])
def test_a_change_is_announced_before_it_takes_effect(place: str, path: str) -> None:
    """With its date and what will change, apart from the first layer; from that day on no more."""
    text = run(at(fixed(place, ANNOUNCED)), http(path)).text
    assert "This will change on 2026-10-01: We will show &lt;b&gt;other&lt;/b&gt; adverts." in text
    days = (DAY_OF_CHANGE - dt.date(2026, 9, 21)).days
    for moment, is_shown in ((NOW + (days - 1) * DAY, True), (NOW + days * DAY, False)):
        answer = run(at(fixed(place, ANNOUNCED), moment), http(path))
        assert (STRIP in answer.body) is is_shown
    assert STRIP not in run(at(fixed(place)), http(path)).body


def read(gate: ConsentGate, **more: Any) -> Exchange:
    scope, sent = form("/privacy-choices/announcement", {"next": "/teapots?x=1"}, **more)
    return run(gate, scope, sent)


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_reading_it_is_no_choice(scheme: str) -> None:
    """The strip goes, by a plain form; nothing is granted, refused or recorded, and the browser
    keeps the same mark as every other."""
    gate = at(ANNOUNCED, app=page())
    answer = read(gate, scheme=scheme)
    assert (answer.status, answer.one(b"location")) == (303, b"/teapots?x=1")
    ((name, mark),) = answer.cookies.items()
    assert name == {"http": "choices-news", "https": "__Host-choices-news"}[scheme]
    assert read(at(ANNOUNCED), scheme=scheme, client=("198.51.100.9", 1)).cookies == {name: mark}
    later = run(gate, http(scheme=scheme, cookie=f"{name}={mark}; session=1"))
    assert STRIP not in later.body
    assert b"data-privacy-note" in later.body  # still to be asked
    assert gate.app.cookie_fields == [b"session=1"]
    assert not gate.app.scope[SCOPE_KEY].allows("functional")
    assert list(gate.assembly.proof.ledger.events()) == []
    assert answer.one(b"tk") is None


@pytest.mark.requirement("VER-03")
def test_another_change_is_announced_anew() -> None:
    """Having read of one says nothing of the next; and the mark is gone on the day."""
    answer = read(at(ANNOUNCED))
    ((name, mark),) = answer.cookies.items()
    other = replace(SHOP, announces=replace(NEWS, summary="Something else."))
    assert STRIP in run(at(other), http(cookie=f"{name}={mark}")).body
    assert STRIP in run(at(ANNOUNCED), http(cookie=f"{name}=forged")).body
    assert b"Max-Age=864000;" in answer.set_cookies[0]


@pytest.mark.requirement("VER-03", "SIG-10")
@pytest.mark.parametrize("signals", [[GPC], [DNT], [GPC, DNT]], ids=["gpc", "dnt", "both"])
def test_no_signal_brings_it_up_or_hides_it(signals: list[tuple[bytes, bytes]]) -> None:
    """Where none is due none comes, where one is due it is the same for everyone."""
    assert STRIP not in run(at(SHOP), http(headers=signals)).body
    assert STRIP in run(at(ANNOUNCED), http(headers=signals)).body


def test_nobody_else_can_dismiss_it_and_crawlers_get_none() -> None:
    """Another site's form is refused; a body of another kind too; a program reads no news."""
    assert read(at(ANNOUNCED), site=b"cross-site").status == 403
    assert run(at(ANNOUNCED), http("/privacy-choices/announcement")).status == 405
    assert read(at(SHOP)).set_cookies == []
    bot = (b"user-agent", b"Googlebot/2.1 (+http://www.google.com/bot.html)")
    assert STRIP not in run(at(ANNOUNCED), http(headers=[bot])).body


def test_a_page_for_everyone_cannot_be_closed() -> None:
    """Where caches share pages nobody can be told from another: the line stays, without a button."""
    shared = replace(ANNOUNCED, site=replace(SHOP.site, cache="shared"))
    text = run(at(shared), http()).text
    assert "This will change on 2026-10-01" in text
    assert "/announcement" not in text


@pytest.mark.requirement("SIG-29")
def test_the_tracking_status_announces_it_and_nothing_changes_yet() -> None:
    """Until the day, the status says what is to come; what is done is what was done before."""
    gate = at(fixed("DE", ANNOUNCED))
    status = json.loads(run(gate, http("/.well-known/dnt/")).body)
    assert status["announced"] == {"effective": "2026-10-01", "summary": NEWS.summary}
    assert status["tracking"] == "N"
    assert "announced" not in json.loads(run(at(SHOP), http("/.well-known/dnt/")).body)


# After it ------------------------------------------------------------------------------------


@pytest.mark.requirement("REC-02", "VER-08")
def test_the_notice_of_a_choice_stays_readable(tmp_path: Path) -> None:
    """Its exact bytes under their hash, also when the policy has long become another."""
    kept = LedgerSettings(url=f"sqlite:{tmp_path / 'ledger.sqlite3'}")
    event = choice_under(replace(SHOP, ledger=kept))
    newer = replace(SHOP, ledger=kept, version="2027-01-01", effective=dt.date(2027, 1, 1))
    gate = ConsentGate(page(), policy=newer, development=True)
    answer = run(gate, http(f"/privacy-choices/notices/{event.notice_hash}"))
    assert hashlib.sha256(answer.body).hexdigest() == event.notice_hash
    assert "version 2026-11-01, in force since 2026-11-01" in answer.text
    assert b"immutable" in (answer.one(b"cache-control") or b"")
    policy = answer.one(b"content-security-policy") or b""
    assert policy.startswith(b"default-src 'none'; sandbox;")
    rows = json.loads(
        run(gate, http("/privacy-choices/notices", headers=[(b"accept", b"application/json")])).body
    )["notices"]
    versions = list(dict.fromkeys((row["version"], row["effective"]) for row in rows))
    assert versions == [("2027-01-01", "2027-01-01"), ("2026-11-01", "2026-11-01")]
    assert {row["model"] for row in rows} == {"opt-in", "opt-out", "notice"}
    assert event.notice_hash in {row["hash"] for row in rows}
    listed = run(gate, http("/privacy-choices/notices")).text
    assert f'href="/privacy-choices/notices/{event.notice_hash}"' in listed
    assert "2026-11-01 (2026-11-01)" in listed
    gate.close()


def choice_under(policy: Policy) -> Event:
    gate = ConsentGate(page(), policy=policy, development=True)
    chosen(gate, choice="accept")
    (event,) = gate.assembly.proof.ledger.events()
    gate.close()
    return event


@pytest.mark.requirement("VER-08")
def test_the_notice_and_the_pages_name_their_date() -> None:
    """Version and effective date, wherever a visitor reads."""
    gate = at(SHOP)
    notice, body = gate.assembly.pages.notice("en", regime_of(gate))
    assert b"version 2026-11-01, in force since 2026-11-01" in body
    assert run(gate, http(f"/privacy-choices/notices/{notice}")).body == body
    for path in ("/privacy-choices", "/privacy-choices/disclosure", "/privacy-choices/notices"):
        answer = run(gate, http(path))
        assert "version 2026-11-01, in force since 2026-11-01" in answer.text
    assert 'href="/privacy-choices/notices?lang=en"' in run(gate, http("/privacy-choices")).text


@pytest.mark.parametrize("name", ["0" * 64, "A" * 64, "..%2f", "x", "0" * 9_000, "\x00"])
def test_other_hashes_are_nowhere(name: str) -> None:
    """Anything at all that is no notice of ours."""
    assert run(at(SHOP), http(f"/privacy-choices/notices/{name}")).status == 404


def test_without_the_ledger_todays_notices_are_still_there() -> None:
    """They are listed and served; an earlier one is to be asked for later."""
    gate = at(SHOP)

    def down(*_: object) -> Any:
        raise LedgerUnavailable("down")

    gate.assembly.proof.ledger.notices = gate.assembly.proof.ledger.notice = down  # type: ignore[method-assign]
    today = gate.assembly.pages.notice("en", regime_of(gate))[0]
    assert today in run(gate, http("/privacy-choices/notices")).text
    assert run(gate, http(f"/privacy-choices/notices/{today}")).status == 200
    assert run(gate, http(f"/privacy-choices/notices/{'0' * 64}")).status == 503


# What becomes of a choice --------------------------------------------------------------------

WORDED = replace(
    SHOP,
    version="2027-01-01",
    purposes=tuple(replace(one, wording=Wording("New", "New words")) for one in SHOP.purposes),
    texts={"en": {"reject": "No"}},
)
LONGER = replace(
    SHOP,
    purposes=tuple(
        replace(one, retention_days=700) if one.key == "statistics" else one
        for one in SHOP.purposes
    ),
)
JOINED = replace(
    SHOP, services=(*SHOP.services, Service(key="heat", purposes=("statistics",), owner="Heat"))
)


def moved(old: Policy, new: Policy, choice: str, place: str, days: int = 1) -> tuple[Any, bytes]:
    """What the app may do, and the page, where a choice made under one policy meets another."""
    before, after = at(fixed(place, old)), at(fixed(place, new), NOW + days * DAY)
    after.assembly.reader.codec = before.assembly.reader.codec  # one site: one key
    after.assembly.meanings[before.assembly.plan.meaning.hash] = before.assembly.plan.meaning
    cookie = chosen(before, choice=choice)
    body = run(after, http(cookie=cookie)).body
    return after.app.scope[SCOPE_KEY], body


NOTE = b"data-privacy-note"
CHANGES = [
    # new policy, choice, place -> statistics, functional, heat, asked
    (WORDED, "accept", "DE", True, True, None, False),
    (LONGER, "accept", "DE", False, True, None, True),
    (LONGER, "reject", "DE", False, False, None, False),
    (JOINED, "accept", "DE", True, True, False, True),
    (JOINED, "reject", "DE", False, False, False, False),
    (LONGER, "reject", "US-CA", False, False, None, False),
    (JOINED, "reject", "US-CA", False, False, False, False),
]


@pytest.mark.requirement("VER-01", "VER-02", "VER-05", "VER-09")
@pytest.mark.parametrize(
    ("new", "choice", "place", "statistics", "functional", "heat", "is_asked"), CHANGES
)
def test_a_change_touches_what_it_changes(
    new: Policy,
    choice: str,
    place: str,
    statistics: bool,
    functional: bool,
    heat: bool | None,
    is_asked: bool,
) -> None:
    """Words: nothing. A purpose or a service: that one alone, for who granted; never who refused."""
    consent, body = moved(SHOP, new, choice, place)
    assert consent.allows("statistics") is statistics
    assert consent.allows("functional") is functional
    assert consent.allows("analytics") is statistics
    assert heat is None or consent.allows("heat") is heat
    assert (NOTE in body) is is_asked


@pytest.mark.requirement("VER-04", "VER-06")
@pytest.mark.parametrize(
    ("choice", "place", "days", "is_allowed", "is_asked"),
    [
        ("reject", "IT", 100, False, False),
        ("reject", "IT", 179, False, False),
        ("reject", "IT", 181, False, True),
        ("reject", "FR", 100, False, False),
        ("reject", "US-CA", 300, False, False),
        ("reject", "US-CA", 500, False, False),
        ("accept", "DE", 179, True, False),
        ("accept", "DE", 181, False, True),
        ("accept", "DE", -1, False, True),
        ("reject", "DE", -1, False, False),
    ],
)
def test_intervals_and_expiry_by_place(
    choice: str, place: str, days: int, is_allowed: bool, is_asked: bool
) -> None:
    """A refusal is left alone for its interval, a grant ends with its time; a clock that runs
    backwards costs the grant, not the refusal."""
    consent, body = moved(SHOP, SHOP, choice, place, days)
    assert consent.allows("statistics") is is_allowed
    assert (NOTE in body) is is_asked


@pytest.mark.requirement("VER-07")
@pytest.mark.parametrize(("seconds", "is_allowed"), [(0, True), (-300, True), (-3_600, False)])
def test_a_choice_from_the_future_grants_nothing(seconds: int, is_allowed: bool) -> None:
    """Another server's clock may be a little ahead; an hour is not a little."""
    before = at(fixed("DE"))
    after = at(fixed("DE"), NOW + seconds, app=json_answer())
    after.assembly.reader.codec = before.assembly.reader.codec
    run(after, http(cookie=chosen(before, choice="accept")))
    assert after.app.scope[SCOPE_KEY].allows("statistics") is is_allowed
