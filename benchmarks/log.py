"""Measures what a line of the log costs, beside uvicorn's access log and anonip, in one run.

``python -m benchmarks.log`` prints, for each way to log the same traffic, the microseconds a visit
takes, as a share of what uvicorn's formatter takes, and how many planted items (e-mail addresses,
tokens, numbers, addresses, agents) are left on disk.

The traffic is people's page views, of which about a third begin a visit (the run prints the share):
those are also counted, the others are not. Every way logs the same visits. What a record takes
from finished visit to bytes in the file is measured; making the visit is not, as any server does
that work for the app anyway, and neither is looking its place up, which the gate does to decide.

Times are the thread's own processor time, system calls included: what else the machine does is not
in them, nor what the clock itself takes (as an empty way tells). All ways take turns in every
round, beginning with another each time; no sample is left out, and a figure is the median over the
rounds of the mean of a round: once with a visit made just before each record, as in a server that
does one thing after another ("in between"), and once in a loop over visits made before ("in a
row"). The sums of visits that begin are added up by a thread beside the requests, and not in them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anonip
from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import AccessFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from benchmarks.places import build
from benchmarks.traffic import Hit, Traffic, found_in
from consentgate.asgi.placing import Placing
from consentgate.asgi.recognition import Recognition
from consentgate.asgi.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy import Controller, LogSettings, Policy, RegimeSettings
from consentgate.domain.regimes import UNKNOWN
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit

NOW = 1_795_000_000
ROUNDS = 25
CALLS = 400
WARM_UP = 40
"""Rounds that are not counted: a server's caches are warm after its first minute."""
TARGETS = {"T0": 0.25, "T0-batch": 0.25, "T1": 1.2}
HINTS = [
    (b"sec-ch-ua", b'"Chromium";v="126", "Google Chrome";v="126", "Not-A.Brand";v="24"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Windows"'),
]
"""What Chromium sends of itself without being asked."""
POLICY = Policy(controller=Controller(name="x"), version="1", effective=dt.date(2026, 1, 1))
BASELINE = "uvicorn AccessFormatter"
EMPTY = "(nothing)"
"""What calling and timing take, which is taken off every figure."""
Way = Callable[[Visit, Hit], None]
"""Logs one visit."""


class _Reader:
    """Reads one choice from any token."""

    def __init__(self, choice: Choice | None) -> None:
        self.choice = choice

    def read(self, tokens: list[bytes], now: int) -> Choice | None:
        return self.choice


def site_of(hit: Hit) -> bytes:
    """``Sec-Fetch-Site``: a visit begins where it is not our own."""
    if not hit.referrer:
        return b"none"
    return b"same-origin" if hit.referrer.startswith("https://shop.example/") else b"cross-site"


def visit_of(hit: Hit, plan: Plan, choice: Choice | None, placing: Placing) -> Visit:
    """The visit of a hit, answered; making it is not what is measured."""
    visitor = hit.visitor
    headers = [
        (b"host", b"shop.example"),
        (b"connection", b"keep-alive"),
        *(HINTS if "Chrome/" in visitor.agent else ()),
        (b"upgrade-insecure-requests", b"1"),
        (b"user-agent", visitor.agent.encode("latin-1", "replace")),
        (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
        (b"sec-fetch-site", site_of(hit)),
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-user", b"?1"),
        (b"sec-fetch-dest", b"document"),
        *([(b"referer", hit.referrer.encode())] if hit.referrer else ()),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"accept-language", visitor.language.encode()),
        (b"cookie", b"session=%b; %b=x" % (visitor.cookie.encode(), plan.token_names[True])),
    ]
    scope = {
        "type": "http",
        "method": hit.method,
        "scheme": "https",
        "http_version": "1.1",
        "root_path": "",
        "path": hit.path,
        "query_string": hit.query.encode(),
        "client": (visitor.address, 4711),
        "headers": headers,
    }
    _, country = placing.placed(scope, NOW)  # as the gate does before the app runs
    reader: Any = _Reader(choice)
    visit = Visit(scope, plan, reader, UNKNOWN, NOW, country=country)
    visit.status, visit.bytes_out = hit.status, hit.size
    if hit.route:
        visit.scope["route"] = SimpleNamespace(path=hit.route)
    return visit


def ours(folder: Path, placing: Placing, durability: str = "line") -> Way:
    """The real site log, to a real folder, with a real place database."""
    policy = replace(POLICY, log=LogSettings(directory=str(folder), durability=durability))
    log = SiteLog.open(
        policy,
        country_of=lambda visit: placing.place_of(visit.scope).country,
        recognition=Recognition(policy, lambda visit: placing.client_of(visit.scope), str),
    )

    def write(visit: Visit, hit: Hit) -> None:
        log.note(visit, hit.duration_us * 1_000)

    return write


def uvicorns(folder: Path) -> Way:
    """What uvicorn does for a request: its logger and formatter as it configures them, a file."""
    folder.mkdir(parents=True)
    logger = logging.getLogger("benchmark.uvicorn")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    settings = LOGGING_CONFIG["formatters"]["access"]
    handler = logging.StreamHandler((folder / "access.log").open("a"))
    handler.setFormatter(AccessFormatter(settings["fmt"]))
    logger.addHandler(handler)

    def write(visit: Visit, hit: Hit) -> None:
        scope: Any = visit.scope
        logger.info(
            '%s - "%s %s HTTP/%s" %d',
            get_client_addr(scope),
            scope["method"],
            get_path_with_query_string(scope),
            scope["http_version"],
            visit.status,
        )

    return write


def anonips(folder: Path) -> Way:
    """anonip over lines that somebody else has formatted: what it takes is on top of that."""
    folder.mkdir(parents=True)
    file = (folder / "access.log").open("a", buffering=1)
    filtered = anonip.Anonip()

    def write(visit: Visit, hit: Hit) -> None:
        file.write(f"{filtered.process_line(hit.line)}\n")

    return write


def in_between(way: Way, hits: list[Hit], made: Callable[[Hit], Visit]) -> float:
    """Microseconds a visit, each just made as it is in a server."""
    spent = 0
    for hit in hits:
        visit = made(hit)
        started = time.thread_time_ns()
        way(visit, hit)
        spent += time.thread_time_ns() - started
    return spent / len(hits) / 1_000


def in_a_row(way: Way, hits: list[Hit], made: Callable[[Hit], Visit]) -> float:
    """Microseconds a visit, all made before."""
    pairs = [(made(hit), hit) for hit in hits]
    started = time.thread_time_ns()
    for visit, hit in pairs:
        way(visit, hit)
    return (time.thread_time_ns() - started) / len(hits) / 1_000


MANNERS = {"in between": in_between, "in a row": in_a_row}
Samples = dict[str, dict[str, list[float]]]
"""Microseconds of each round, by way and manner."""


def measure(folder: Path, rounds: int) -> tuple[Samples, Traffic, float]:
    """Microseconds a visit, the traffic that was logged, and how much of it begins a visit."""
    traffic = Traffic()
    build(folder / "places.mmdb")
    plan = Plan(POLICY)
    regimes = RegimeSettings(place_database=str(folder / "places.mmdb"))
    placing = Placing(replace(POLICY, regimes=regimes))
    granted = Choice(made_at=NOW - 60, purposes={"statistics": True}, id="x")
    ways: dict[str, tuple[Way, Choice | None]] = {
        EMPTY: (lambda visit, hit: None, None),
        BASELINE: (uvicorns(folder / "uvicorn"), None),
        "T0": (ours(folder / "T0", placing), None),
        "T0-batch": (ours(folder / "T0-batch", placing, "batch"), None),
        "T1": (ours(folder / "T1", placing), granted),
        "anonip, on top of a formatter": (anonips(folder / "anonip"), None),
    }
    samples: Samples = {way: {manner: [] for manner in MANNERS} for way in ways}
    begun = 0
    gc.collect()
    gc.freeze()
    for number in range(rounds + WARM_UP):
        hits = [hit for hit in traffic.hits(CALLS * 2) if not hit.visitor.is_bot][:CALLS]
        begun += sum(site_of(hit) != b"same-origin" for hit in hits)
        first = number % len(ways)
        for name in [*ways][first:] + [*ways][:first]:
            way, choice = ways[name]
            made = partial(visit_of, plan=plan, choice=choice, placing=placing)
            for manner, timed in MANNERS.items():
                microseconds = timed(way, hits, made)
                if number >= WARM_UP:
                    samples[name][manner].append(microseconds)
    return samples, traffic, begun / CALLS / (rounds + WARM_UP)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    logging.getLogger("anonip").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="benchmark-log-") as name:
        folder = Path(name)
        samples, traffic, begun = measure(folder, chosen.rounds)
        needles = traffic.needles()
        print(f"{begun:.0%} of these page views begin a visit")
        print(f"{'µs a visit (share of uvicorn)':<32}", *(f"{one:>16}" for one in MANNERS), end="")
        print(f"{'target':>8}{'left on disk':>14}")
        empty = samples.pop(EMPTY)
        for way, manners in samples.items():
            below = folder / way.partition(",")[0].partition(" ")[0]
            left = sum(map(len, found_in(below, needles).values()))
            spent, baseline = (medians(one, empty) for one in (manners, samples[BASELINE]))
            print(row_of(way, spent, baseline, left))


def medians(
    manners: Mapping[str, list[float]], empty: Mapping[str, list[float]]
) -> Mapping[str, float]:
    """Microseconds a visit by manner, without what an empty way takes."""
    return {
        manner: statistics.median(times) - statistics.median(empty[manner])
        for manner, times in manners.items()
    }


def row_of(way: str, spent: Mapping[str, float], baseline: Mapping[str, float], left: int) -> str:
    """A line of the table; a target is met where both manners meet it."""
    target = TARGETS.get(way)
    shares = [microseconds / baseline[manner] for manner, microseconds in spent.items()]
    cells = [
        f"{microseconds:9.1f} ({share:.2f})".rjust(17)
        for microseconds, share in zip(spent.values(), shares, strict=True)
    ]
    verdict = "" if target is None else "  met" if max(shares) <= target else "  MISSED"
    wanted = "" if target is None else f"{target:.2f}"
    return f"{way:<32}{''.join(cells)}{wanted:>8}{left:14}{verdict}"


if __name__ == "__main__":
    main()
