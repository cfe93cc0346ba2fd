"""A visit whose agent is new: its line is written by the background thread, whole, and not lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.agents import AgentClasses, Browser
from consentgate.log.naming.day_key import Ratchet
from consentgate.log.writing import background
from consentgate.log.writing.background import TICKER, Ticker
from consentgate.log.writing.segment import NoFile
from consentgate.lookup.agents import Agents
from tests.log.test_tiers import FIREFOX, GRANTED, HEADERS, Kept, visit_of
from tests.policies import SHOP
from tests.site_logs import records

OTHER = FIREFOX.replace("127", "131")
GPTBOT = "GPTBot/1.2 (+https://openai.com)"


class Watched(Agents):
    """Agents that remember which threads found something out."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def _find_classes(self, agent: str) -> AgentClasses:
        self.threads.add(threading.get_ident())
        return super()._find_classes(agent)

    def _find_browser(self, agent: str) -> Browser:
        self.threads.add(threading.get_ident())
        return super()._find_browser(agent)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """The background thread waits until the event is set."""
    go_on = threading.Event()
    TICKER.finish()
    TICKER.later(lambda: go_on.wait(10))
    yield go_on
    go_on.set()
    TICKER.finish()


def agent_of(agent: str) -> dict[str, str]:
    """The headers of a visit with that agent."""
    return {**HEADERS, "user-agent": agent}


@pytest.mark.requirement("LOG-01")
def test_a_new_agents_line_is_on_disk_when_the_log_is_closed(tmp_path: Path) -> None:
    """Closing waits for the thread: each line is there, with the browser that the agent names."""
    policy = replace(SHOP, log=replace(SHOP.log, directory=str(tmp_path)))
    log = SiteLog.open(policy)
    for agent in (FIREFOX, OTHER, GPTBOT):
        log.note(visit_of(agent_of(agent), choice=GRANTED), 1)
    log.close()
    found = [(row["tier"], row.get("bmaj"), row.get("bot")) for row in records(tmp_path)]
    assert sorted(found, key=str) == [
        ("T1", "127", None),
        ("T1", "131", None),
        ("TB", None, "GPTBot"),
    ]


@pytest.mark.parametrize("choice", [None, GRANTED], ids=["T0", "T1"])
def test_nothing_is_found_out_on_the_thread_of_the_requests(choice: Any) -> None:
    """Neither the machines' list nor the browsers' tables are asked there."""
    agents, sink = Watched(), Kept()
    log = SiteLog(SHOP, sink, agents=agents)
    for agent in (FIREFOX, OTHER, FIREFOX, GPTBOT):
        log.note(visit_of(agent_of(agent), choice=choice), 1)
    TICKER.finish()
    assert len(sink.records) == 4
    assert agents.threads
    assert threading.get_ident() not in agents.threads


def test_tables_are_loaded_at_start_where_there_is_a_log() -> None:
    """``warm`` loads both, in the thread that calls it; without a log nothing is loaded."""
    on, off = Watched(), Watched()
    SiteLog(SHOP, Kept(), agents=on).warm()
    SiteLog(SHOP, NoFile(), agents=off).warm()
    assert (on.threads, off.threads) == ({threading.get_ident()}, set())
    assert len(on.browsers) == 1


def test_a_known_agents_line_is_written_at_once(held: threading.Event) -> None:
    """Only what is new waits: a kill loses no line of an agent that was seen before."""
    agents, sink = Agents(), Kept()
    agents.classes[FIREFOX], agents.browsers[FIREFOX]
    log = SiteLog(SHOP, sink, agents=agents)
    for choice in (None, GRANTED):
        log.note(visit_of(choice=choice), 1)
    assert [record["tier"] for record in sink.records] == ["T0", "T1"]
    log.note(visit_of(agent_of(OTHER)), 1)
    assert len(sink.records) == 2
    held.set()
    TICKER.finish()
    assert len(sink.records) == 3


def test_a_browser_that_says_so_itself_needs_no_parser(held: threading.Event) -> None:
    """With client hints the line of T1 waits for nothing but the machines' list."""
    agents, sink = Agents(), Kept()
    agents.classes[OTHER]
    hints = {"sec-ch-ua": '"Google Chrome";v="131"', "sec-ch-ua-platform": '"Windows"'}
    visit = visit_of({**agent_of(OTHER), **hints}, choice=GRANTED)
    SiteLog(SHOP, sink, agents=agents).note(visit, 1)
    (record,) = sink.records
    assert (record["browser"], record["bmaj"], record["os"]) == ("Chrome", "131", "Windows")


def test_where_too_many_wait_the_line_says_less_and_why(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is bounded; the visit is still counted, and nothing is claimed of its agent."""
    monkeypatch.setattr(background, "MOST_JOBS", 2)
    sink = Kept()
    log = SiteLog(SHOP, sink, agents=Agents())
    for number in range(4):
        log.note(visit_of(agent_of(f"Mozilla/5.0 {number}"), choice=GRANTED), 1)
    assert 1 <= len(sink.records) < 4
    for record in sink.records:
        assert (record["tier"], record["err"], record["status"]) == ("T0", "busy", 200)
        assert not {"device", "suspect", "browser", "visitor", "path"} & set(record)
    held.set()
    TICKER.finish()
    assert len(sink.records) == 4


def test_the_key_of_a_new_day_is_not_waited_for(
    tmp_path: Path, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made on disk once a day: the first visitor's line waits, the request does not."""
    threads: list[int] = []
    advance = Ratchet._advance

    def watched(ratchet: Ratchet, day: int) -> bytes | None:
        threads.append(threading.get_ident())
        return advance(ratchet, day)

    monkeypatch.setattr(Ratchet, "_advance", watched)
    policy = replace(SHOP, log=replace(SHOP.log, directory=str(tmp_path)))
    agents, sink = Agents(), Kept()
    agents.classes[FIREFOX], agents.browsers[FIREFOX]
    known = Recognition(policy, lambda visit: bytes((203, 0, 113, 77)), str)
    log = SiteLog(policy, sink, agents=agents, recognition=known)
    log.note(visit_of(choice=GRANTED, policy=policy), 1)
    assert (sink.records, threads) == ([], [])
    held.set()
    TICKER.finish()
    log.note(visit_of(choice=GRANTED, policy=policy), 1)
    assert len({record["visitor"] for record in sink.records}) == 1
    assert len(sink.records) == 2
    assert threads
    assert threading.get_ident() not in threads


def test_a_sign_of_interest_waits_for_its_agent(held: threading.Event) -> None:
    """A new agent's sign is noted once it is known, as a record or as a sum."""
    sink = Kept()
    log = SiteLog(SHOP, sink, agents=Agents())
    for choice in (GRANTED, None):
        log.interest(visit_of(choice=choice), "pricing", {}, path="/prices", is_page=True)
    assert sink.records == []
    held.set()
    TICKER.finish()
    (record,) = sink.records
    assert (record["event"], record["path"], record["browser"]) == ("pricing", "/prices", "Firefox")
    assert sum(log.counts._sums.waiting.values()) == 1


def test_jobs_are_done_in_order_and_a_fault_stops_none() -> None:
    """``finish`` returns when all are done, whatever one of them raised."""
    ticker, done = Ticker(), list[int]()
    for number in range(5):
        assert ticker.later(lambda number=number: done.append(number))  # type: ignore[misc]
        ticker.later(lambda: [][1])
    ticker.finish()
    assert done == [0, 1, 2, 3, 4]


def test_a_forked_child_does_no_job_of_its_parent(held: threading.Event) -> None:
    """What waits is the parent's to write; the child begins with nothing and no thread."""
    ticker, done = Ticker(), list[str]()
    ticker.later(lambda: held.wait(10))
    ticker.later(lambda: done.append("parent"))
    ticker.forget_parent()
    ticker.finish()
    ticker.later(lambda: done.append("child"))
    ticker.finish()
    assert done == ["child"]


def test_without_a_thread_the_jobs_are_done_all_the_same() -> None:
    """A process that ends before the thread began loses nothing."""
    ticker, done = Ticker(), list[int]()
    ticker._jobs.append(lambda: done.append(1))
    ticker.flush()
    assert done == [1]
