"""Sums of visits without consent: one dimension at a time, off the path, mergeable."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from consentgate.domain.agents import Browser
from consentgate.domain.days import DAY_SECONDS
from consentgate.log.counts.counter_file import MOST_WAITING, DeltaFile, take_away
from consentgate.log.counts.visits import FILE_NAME, MOST_HOSTS, Arrival, VisitCounts

NOW = 1_790_000_000
DAY = "2026-09-21"


def told(agent: str) -> Browser:
    family, _, system = agent.partition(" on ")
    return Browser(family, "1", system)


def arrival(
    agent: str = "",
    country: str = "",
    language: str = "",
    host: str = "",
    brands: bytes = b"",
    query: bytes = b"",
) -> Arrival:
    platform = b'"Windows"' if brands else b""
    languages, day = language.encode(), NOW // DAY_SECONDS
    return day, agent, brands or None, platform, country, languages, host, query


def rows_of(folder: Path) -> list[dict[str, object]]:
    path = folder / FILE_NAME
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def counted(folder: Path) -> dict[tuple[object, object], int]:
    sums: Counter[tuple[object, object]] = Counter()
    for row in rows_of(folder):
        sums[row["dim"], row["val"]] += int(str(row["n"]))
    return dict(sums)


@pytest.mark.requirement("LOG-04", "LOG-15")
def test_visits_are_counted_and_never_joined(tmp_path: Path) -> None:
    """Each line holds a day, one dimension, one value and a number."""
    counts = VisitCounts(tmp_path, told)
    for _ in range(8):
        counts.add_visit(arrival("Firefox on Linux", "CH", "de", "news.example"))
    for _ in range(4):
        counts.add_visit(arrival(country="NO", brands=b'"Google Chrome";v="1"'))
    counts.flush()
    assert {frozenset(row) for row in rows_of(tmp_path)} == {frozenset(("day", "dim", "val", "n"))}
    assert {row["day"] for row in rows_of(tmp_path)} == {DAY}
    assert counted(tmp_path) == {
        ("visits", ""): 12,
        ("browser", "Firefox"): 8,
        ("browser", "Chrome"): 4,
        ("os", "Linux"): 8,
        ("os", "Windows"): 4,
        ("country", "CH"): 8,
        ("country", "NO"): 4,
        ("lang", "de"): 8,
        ("ref_host", "news.example"): 8,
    }


@pytest.mark.requirement("LOG-15")
def test_the_lines_of_a_few_describe_nobody(tmp_path: Path) -> None:
    """Fewer than ten visits wait; where the process ends first, they are counted as (other)."""
    counts = VisitCounts(tmp_path, told)
    counts.add_visit(arrival("Firefox on Linux", "VU", "bi", "club.example"))
    counts._flushed_at -= 61
    counts.tick(NOW)
    assert rows_of(tmp_path) == []
    counts.flush()
    assert counted(tmp_path)["country", "(other)"] == 1
    assert {row["val"] for row in rows_of(tmp_path)} == {"", "(other)"}


@pytest.mark.requirement("LOG-15")
def test_campaigns_are_counted_in_classes(tmp_path: Path) -> None:
    """Closed sets and declared names; no word of a query that nobody declared is written."""
    counts = VisitCounts(tmp_path, told, ["spring-sale"])
    planted = b"utm_source=Jane.Doe&utm_medium=cpc&utm_campaign=jane%40example.com&gclid=planted"
    declared = b"utm_source=FB&utm_medium=social&utm_campaign=Spring-Sale&utm_content=x"
    for _ in range(6):
        counts.add_visit(arrival(query=planted))
        counts.add_visit(arrival(query=declared))
    counts.flush()
    found = counted(tmp_path)
    assert {key: n for key, n in found.items() if key[0] != "visits"} == {
        ("utm_source", "(other)"): 6,
        ("utm_source", "facebook"): 6,
        ("utm_medium", "paid"): 6,
        ("utm_medium", "social"): 6,
        ("campaign", "(other)"): 6,
        ("campaign", "spring-sale"): 6,
        ("click", "google"): 6,
    }


def test_a_day_that_is_over_is_written(tmp_path: Path) -> None:
    """At midnight what is left goes to the file, however little it is."""
    counts = VisitCounts(tmp_path, told)
    counts.add_visit(arrival(country="CH"))
    counts._flushed_at -= 61
    counts.tick(NOW + 86_400)
    assert counted(tmp_path) == {("visits", ""): 1, ("country", "(other)"): 1}


def test_no_agent_outlives_a_tick(tmp_path: Path) -> None:
    """Agents wait in memory for the parser, a minute at most, and are never written."""
    parsed: list[str] = []

    def parse(agent: str) -> Browser:
        parsed.append(agent)
        return told(agent)

    counts = VisitCounts(tmp_path, parse)
    for _ in range(3):
        counts.add_visit(arrival("Firefox on Linux"))
    assert parsed == []
    counts._flushed_at -= 61
    counts.tick(NOW)
    assert parsed == ["Firefox on Linux"]
    assert not next(iter(counts._days.values())).agents


def test_events_and_choices_are_declared_names(tmp_path: Path) -> None:
    """They are counted at once; another dimension is a mistake in the code."""
    counts = VisitCounts(tmp_path, told)
    counts.add("event", "export_clicked", NOW, 3)
    counts.add("choice", "reject", NOW)
    with pytest.raises(ValueError, match="expected one of event, choice"):
        counts.add("country", "CH", NOW)
    counts.flush()
    assert counted(tmp_path) == {("event", "export_clicked"): 3, ("choice", "reject"): 1}


def test_many_agents_take_bounded_memory(tmp_path: Path) -> None:
    """Beyond 4,096 distinct ones a minute the rest are one value."""
    counts = VisitCounts(tmp_path, told)
    for number in range(5_000):
        counts.add_visit(arrival(f"A on B{number}"))
    counts.flush()
    assert counted(tmp_path)["browser", "(other)"] == 5_000 - 4_096


def _add(folder: Path, times: int) -> None:
    sums = DeltaFile(folder / FILE_NAME, ("dim", "val"), "n")
    for _ in range(times):
        sums.add(NOW // 86_400, "event", "x")
        sums.flush()


def test_no_sum_is_lost_while_files_are_taken_away(tmp_path: Path) -> None:
    """Three processes write while the file is moved under them: every line lies somewhere."""
    fork = multiprocessing.get_context("spawn")
    workers = [fork.Process(target=_add, args=(tmp_path, 300)) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = 0
    while any(worker.is_alive() for worker in workers):
        taken += take_away(tmp_path / FILE_NAME, tmp_path / f"taken-{taken}")
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert taken > 1
    assert sum(json.loads(line)["n"] for line in lines) == 900


FORKS = """
import os, sys
from consentgate.log.counts.visits import VisitCounts
counts = VisitCounts(sys.argv[1], lambda agent: None)
counts.add("event", "x", 1_790_000_000)
child = os.fork()
counts.add("event", "child" if child == 0 else "parent", 1_790_000_000)
counts.flush()
if child:
    os.wait()
"""


def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    """What waits in the parent is written once, by the parent."""
    subprocess.run([sys.executable, "-c", FORKS, tmp_path], check=True)
    assert counted(tmp_path) == {
        ("event", "x"): 1,
        ("event", "parent"): 1,
        ("event", "child"): 1,
    }


def test_made_up_hosts_do_not_fill_the_memory(tmp_path: Path) -> None:
    """A Referer is a stranger's word: of very many only the first are told apart."""
    counts = VisitCounts(tmp_path, told)
    for number in range(3_000):
        counts.add_visit(arrival(host=f"h{number}.example"))
    counts.flush()
    hosts = {val: n for (dim, val), n in counted(tmp_path).items() if dim == "ref_host"}
    assert len(hosts) == MOST_HOSTS + 1
    assert sum(hosts.values()) == 3_000
    assert hosts["(other)"] == 3_000 - MOST_HOSTS


@pytest.mark.parametrize("has_folder", [False, True], ids=["no file", "no disk"])
def test_sums_that_nobody_takes_stay_few(tmp_path: Path, has_folder: bool) -> None:
    """Without a file, or on a disk that takes nothing, the rest of the names is one sum."""
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "sums" if has_folder else None
    sums = DeltaFile(path, ("dim", "val"), "n")
    for round_ in range(3):
        for number in range(MOST_WAITING // 2 + 1):
            sums.add(20_000, "ref_host", f"{round_}-{number}")
        sums.flush()
    assert len(sums.waiting) == MOST_WAITING + 1
    assert sums.waiting.total() == 3 * (MOST_WAITING // 2 + 1)
