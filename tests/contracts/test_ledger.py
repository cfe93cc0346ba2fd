"""One suite over every ledger: what is appended stays, once, in order, as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consentgate.errors import SettingError
from consentgate.ledger import NOTICE_START_BYTES, Ledger
from consentgate.ledger.opening import open_ledger
from tests.events import grant, refusal

LEDGERS: dict[str, Callable[[pytest.FixtureRequest, Path], str]] = {
    "memory": lambda request, folder: "memory:",
    "sqlite": lambda request, folder: f"sqlite:{folder}/proof/ledger.sqlite3",
    "postgresql": lambda request, folder: str(request.getfixturevalue("postgres").new()),
}
"""Kind of ledger to its URL in a folder; another kind is one more row."""


@pytest.fixture(params=sorted(LEDGERS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(LEDGERS[request.param](request, tmp_path), spool=str(tmp_path / "spool"))
    yield opened
    opened.close()


async def appended(ledger: Ledger, *events: object) -> None:
    for event in events:
        await ledger.append(event)  # type: ignore[arg-type]


@pytest.mark.requirement("REC-01", "REC-05")
def test_what_is_appended_is_kept_as_it_was(ledger: Ledger) -> None:
    """Every field of a grant and of a refusal comes back, in the order of arrival."""
    given = [grant(signals=("gpc",), told=("gpc",), services={"maps": True}), refusal()]
    asyncio.run(appended(ledger, *given))
    assert list(ledger.events()) == given


def test_text_of_any_language_is_kept(ledger: Ledger) -> None:
    """Names of sites are not ASCII."""
    event = refusal(site="Zwölf Töpfe 茶壺 \U0001fad6", policy_version='"2026"\n\\')
    asyncio.run(appended(ledger, event))
    assert list(ledger.events()) == [event]


def test_the_same_id_is_one_event(ledger: Ledger) -> None:
    """A retried POST is no second choice, and what was said first stands."""
    first = refusal()
    again = replace(first, at_ms=first.at_ms + 5, method="withdraw")
    asyncio.run(appended(ledger, first, first, again))
    assert list(ledger.events()) == [first]


def test_events_appended_at_once_are_all_kept(ledger: Ledger) -> None:
    """Three hundred choices of the same moment: each is there, each once."""
    given = [refusal() for _ in range(300)]

    async def all_at_once() -> None:
        await asyncio.gather(*(ledger.append(event) for event in given))

    asyncio.run(all_at_once())
    kept = [event.id for event in ledger.events()]
    assert sorted(kept) == sorted(event.id for event in given)


def test_a_deferred_event_is_there_with_the_next_append(ledger: Ledger) -> None:
    """What had to wait is in the ledger as soon as it can be written, before what came later."""
    waited, later = refusal(), grant()
    ledger.defer(waited)
    asyncio.run(appended(ledger, later))
    assert list(ledger.events()) == [waited, later]


def test_an_event_deferred_twice_is_one(ledger: Ledger) -> None:
    """Deferred, deferred again and appended: one event."""
    event = refusal()
    ledger.defer(event)
    ledger.defer(event)
    asyncio.run(appended(ledger, event))
    assert list(ledger.events()) == [event]


@pytest.mark.requirement("REC-02")
def test_a_notice_is_kept_byte_for_byte(ledger: Ledger) -> None:
    """The exact bytes shown come back under their hash; the first to come stands."""
    body = bytes(range(256)) * 40
    ledger.save(notices={"aa" * 32: body}, meanings={})
    ledger.save(notices={"aa" * 32: b"something else"}, meanings={})
    assert ledger.notice("aa" * 32) == body
    assert ledger.notice("bb" * 32) is None


def test_notices_are_listed_by_their_starts(ledger: Ledger) -> None:
    """In the order they came, so that a list of many reads little."""
    assert list(ledger.notices()) == []
    ledger.save(notices={"bb" * 32: b"<" + b"x" * 5_000}, meanings={})
    ledger.save(notices={"aa" * 32: b"short"}, meanings={})
    ledger.save(notices={"bb" * 32: b"short"}, meanings={})
    starts = [("bb" * 32, b"<" + b"x" * (NOTICE_START_BYTES - 1)), ("aa" * 32, b"short")]
    assert list(ledger.notices()) == starts


def test_meanings_are_kept(ledger: Ledger) -> None:
    """What purposes meant under each policy; the first of a hash stands."""
    ledger.save(notices={}, meanings={b"\x00\x01\x02\x03\x04\xff": '{"a":"ä"}'})
    ledger.save(notices={}, meanings={b"\x00\x01\x02\x03\x04\xff": "{}"})
    ledger.save(notices={}, meanings={b"abcdef": "{}"})
    assert dict(ledger.meanings()) == {b"\x00\x01\x02\x03\x04\xff": '{"a":"ä"}', b"abcdef": "{}"}


def test_rows_are_read_on_behind_a_number(ledger: Ledger) -> None:
    """Exact bytes in the order of arrival, in steps of any size, none twice and none left out."""
    given = [grant(), refusal(), grant(), refusal(), refusal()]
    asyncio.run(appended(ledger, *given))
    after, read = 0, []
    while step := ledger.rows(after, 2):
        assert len(step) <= 2
        read += step
        after = step[-1][0]
    assert [row[1:] for row in read] == [(e.id, e.subject, e.canonical()) for e in given]
    assert [row[0] for row in read] == sorted({row[0] for row in read})
    assert read[0][0] > 0


def test_rows_of_one_subject_are_found(ledger: Ledger) -> None:
    """Those of the subject and no others; refusals have none and are nobody's."""
    mine = [grant(subject="ab" * 16), grant(subject="ab" * 16)]
    asyncio.run(appended(ledger, grant(), mine[0], refusal(), mine[1]))
    assert [row[1] for row in ledger.rows_of("ab" * 16)] == [event.id for event in mine]
    assert list(ledger.rows_of("")) == []


def test_the_first_rows_are_forgotten(ledger: Ledger) -> None:
    """Those below the number and no others; what comes later is read on as before."""
    given = [grant(), refusal(), grant()]
    asyncio.run(appended(ledger, *given))
    numbers = [row[0] for row in ledger.rows(0, 9)]
    ledger.forget(numbers[0])
    assert list(ledger.events()) == given
    ledger.forget(numbers[2])
    ledger.forget(numbers[1])
    late = refusal()
    asyncio.run(appended(ledger, late))
    assert list(ledger.events()) == [given[2], late]
    assert [row[1] for row in ledger.rows(numbers[0], 9)] == [given[2].id, late.id]
    assert [row[1] for row in ledger.rows(numbers[2], 9)] == [late.id]


def test_an_empty_ledger_answers(ledger: Ledger) -> None:
    """Before the first choice there is nothing, and nothing fails."""
    assert list(ledger.events()) == []
    assert dict(ledger.meanings()) == {}
    assert ledger.notice("aa" * 32) is None
    assert list(ledger.rows(0, 10)) == list(ledger.rows_of("aa")) == []


def test_closing_twice_is_fine_and_the_next_append_opens_again(ledger: Ledger) -> None:
    """Servers close on reload, sometimes more than once."""
    asyncio.run(appended(ledger, refusal()))
    ledger.close()
    ledger.close()
    asyncio.run(appended(ledger, refusal()))
    assert len(list(ledger.events())) == 2


@pytest.mark.parametrize("kind", sorted(LEDGERS))
def test_opening_creates_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A start, or `consentgate check`, leaves no file behind."""
    opened = open_ledger(LEDGERS[kind](request, tmp_path))
    assert dict(opened.meanings()) == {}
    opened.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite:", "ledger.sqlite3"])
def test_another_url_is_refused(url: str) -> None:
    """The message names what was given and what is expected."""
    with pytest.raises(SettingError, match="expected") as caught:
        open_ledger(url)
    assert f'"{url.partition(":")[0]}' in str(caught.value)


def test_an_erased_subject_is_found_no_more(ledger: Ledger) -> None:
    """Its events stay, without who it was; those of others are untouched."""
    mine, other = grant(), grant()
    asyncio.run(appended(ledger, mine, other))
    assert ledger.erase(mine.subject) == 1
    assert ledger.erase(mine.subject) == 0
    assert list(ledger.rows_of(mine.subject)) == []
    first, second = ledger.events()
    assert (first.id, first.purposes, second) == (mine.id, mine.purposes, other)
    assert mine.subject not in first.subject


def test_nobody_is_not_a_subject(ledger: Ledger) -> None:
    """Erasing the empty subject of refusals erases nothing."""
    asyncio.run(appended(ledger, refusal()))
    assert ledger.erase("") == 0


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    """Policies are no place for secrets; the message says what is."""
    with pytest.raises(SettingError, match="PGPASSFILE") as caught:
        open_ledger("postgresql://shop:planted-secret@db.example/shop")
    assert "planted-secret" not in str(caught.value)
