"""Measures what a line of the log costs, beside uvicorn's access log and anonip, in one run.

``python -m benchmarks.log`` prints, for each way to log the same traffic, the microseconds a visit
takes, as a share of what uvicorn's formatter takes, and how many planted items (e-mail addresses,
tokens, numbers, addresses, agents) are left on disk.

The traffic is people's page views, of which about a third begin a visit (the run prints the share):
those are also counted, the others are not. Every way logs the same visits. What is measured is all
that a log adds to a request: what the visit's walk over the headers keeps for it, and then
everything from the finished visit to bytes in the file. What the gate does with and without a log
is not: telling crawlers, looking the place up, deciding.

Times are the thread's own processor time, system calls included: what else the machine does is not
in them, nor what the clock itself takes. All ways take turns in every round, beginning with another
each time; no sample is left out, and a figure is the median over the rounds of the mean of a round:
once with a visit made just before each record, as in a server that does one thing after another
("in between"), and once in a loop over visits made before ("in a row"). The sums of visits that
begin are added up by a thread beside the requests; what that takes is printed apart.
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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anonip
from starlette.routing import Route
from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import AccessFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from benchmarks.places import build
from benchmarks.traffic import Hit, Traffic, found_in
from consentgate.asgi.assembly import route_in
from consentgate.asgi.placing import Placing
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Controller, LogSettings, Policy, RegimeSettings
from consentgate.domain.regimes import UNKNOWN
from consentgate.gates.answer import Gates
from consentgate.gates.headers.validators import KnownValidators
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.plan import Plan
from consentgate.gates.records.callers import Caller, known_callers
from consentgate.gates.request import read_request
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.reading import Visitors
from consentgate.log.writing.background import TICKER

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
Way = Callable[[Visit, Hit, int], None]
"""Logs one visit, which took so many nanoseconds."""


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


def scope_of(hit: Hit, token_name: bytes) -> dict[str, Any]:
    """The scope of a hit as a server makes it: every name and value is new with each request."""
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
        (b"cookie", b"session=%b; %b=x" % (visitor.cookie.encode(), token_name)),
    ]
    return {
        "type": "http",
        "method": hit.method,
        "scheme": "https",
        "http_version": "1.1",
        "root_path": "",
        "path": hit.path,
        "query_string": hit.query.encode(),
        "client": (visitor.address, 4711),
        "headers": [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in headers],
    }


class Gate:
    """What happens to a request before and beside the log, as the gate has it."""

    def __init__(self, placing: Placing, choice: Choice | None = None, *, is_logged: bool) -> None:
        log = LogSettings(directory="log" if is_logged else "")
        self.plan = Plan(replace(POLICY, log=log))
        self._placing = placing
        reader: Any = _Reader(choice)
        self._visitors = Visitors(self.plan, reader)
        self._callers = known_callers()
        self._gates = Gates(Outcomes(self.plan), reader, KnownValidators())
        self._routes: dict[str, Route] = {}

    def placed(self, hit: Hit) -> tuple[dict[str, Any], Caller, str | None]:
        """The scope, who asks and from where: all of it is found out also where there is no log."""
        scope = scope_of(hit, self.plan.token_names[True])
        request = read_request(scope)
        caller = self._callers[request.agent]
        return scope, caller, self._placing.placed(scope, request, NOW)[1]

    def visit(self, placed: tuple[dict[str, Any], Caller, str | None]) -> Visit:
        """The visit, which reads headers for the log where there is one."""
        scope, caller, country = placed
        request = read_request(scope, is_logged=self.plan.is_logged)
        visitor = self._visitors.of(request, (UNKNOWN, country), NOW, False, caller)
        visit = Visit().decide(scope, request, visitor, self._gates, NOW)
        visit.hide()
        return visit

    def answered(self, visit: Visit, hit: Hit) -> None:
        """What the app leaves."""
        visit.answer(hit.status, hit.size)
        if hit.route:
            if hit.route not in self._routes:
                self._routes[hit.route] = Route(hit.route, lambda request: None)
            visit.scope["route"] = self._routes[hit.route]


def ours(folder: Path, placing: Placing, durability: str = "line") -> Way:
    """The real site log, to a real folder, with a real place database."""
    policy = replace(POLICY, log=LogSettings(directory=str(folder), durability=durability))
    log = SiteLog.open(
        policy,
        country_of=lambda visit: placing.place_of(visit.request).country,
        recognition=Recognition(policy, lambda visit: placing.client_of(visit.request), str),
    )

    def write(visit: Visit, hit: Hit, duration_ns: int) -> None:
        log.note(visit.ended(route_in(visit.scope)), duration_ns)

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

    def write(visit: Visit, hit: Hit, duration_ns: int) -> None:
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

    def write(visit: Visit, hit: Hit, duration_ns: int) -> None:
        file.write(f"{filtered.process_line(hit.line)}\n")

    return write


def in_between(way: Way, gate: Gate, hits: list[Hit]) -> float:
    """Microseconds a record, each visit just made as it is in a server."""
    spent = 0
    for hit in hits:
        visit = gate.visit(gate.placed(hit))
        gate.answered(visit, hit)
        duration_ns = hit.duration_us * 1_000
        started = time.thread_time_ns()
        way(visit, hit, duration_ns)
        spent += time.thread_time_ns() - started
    return spent / len(hits) / 1_000


def in_a_row(way: Way, gate: Gate, hits: list[Hit]) -> float:
    """Microseconds a record, all visits made before."""
    made = [(gate.visit(gate.placed(hit)), hit, hit.duration_us * 1_000) for hit in hits]
    for visit, hit, _ in made:
        gate.answered(visit, hit)
    started = time.thread_time_ns()
    for visit, hit, duration_ns in made:
        way(visit, hit, duration_ns)
    return (time.thread_time_ns() - started) / len(hits) / 1_000


def keeping(plain: Gate, logged: Gate, hits: list[Hit]) -> float:
    """Microseconds by which making a visit takes longer where its headers are kept for a log."""
    spent = {plain: 0, logged: 0}
    for number, hit in enumerate(hits):
        for gate in (plain, logged) if number % 2 else (logged, plain):
            placed = gate.placed(hit)
            started = time.thread_time_ns()
            gate.visit(placed)
            spent[gate] += time.thread_time_ns() - started
    return (spent[logged] - spent[plain]) / len(hits) / 1_000


MANNERS = {"in between": in_between, "in a row": in_a_row}
KEEPING = "keeping"
Samples = dict[str, dict[str, list[float]]]
"""Microseconds of each round, by way and manner, and what keeping headers took."""


@dataclass
class Measured:
    """What a run has shown."""

    samples: Samples
    traffic: Traffic
    begun: float
    """How much of it begins a visit."""
    beside: float
    """Microseconds that other threads took, for each visit that was logged as T0."""


def measure(folder: Path, rounds: int) -> Measured:
    """Have all ways log the same traffic."""
    traffic = Traffic()
    build(folder / "places.mmdb")
    regimes = RegimeSettings(place_database=str(folder / "places.mmdb"))
    placing = Placing(replace(POLICY, regimes=regimes))
    granted = Choice(made_at=NOW - 60, purposes={"statistics": True}, id="x")
    plain, logged = (partial(Gate, placing, is_logged=is_logged) for is_logged in (False, True))
    ways: dict[str, tuple[Way, Gate, Gate | None]] = {
        EMPTY: (lambda visit, hit, duration_ns: None, plain(), None),
        BASELINE: (uvicorns(folder / "uvicorn"), plain(), None),
        "T0": (ours(folder / "T0", placing), logged(), plain()),
        "T0-batch": (ours(folder / "T0-batch", placing, "batch"), logged(), plain()),
        "T1": (ours(folder / "T1", placing), logged(granted), plain(granted)),
        "anonip, on top of a formatter": (anonips(folder / "anonip"), plain(), None),
    }
    samples: Samples = {way: {name: [] for name in (*MANNERS, KEEPING)} for way in ways}
    begun = 0
    gc.collect()
    gc.freeze()
    started = 0.0
    for number in range(rounds + WARM_UP):
        if number <= WARM_UP:
            TICKER.finish()  # agents are found out, as a server has done after its first minute
        if number == WARM_UP:
            started = time.process_time() - time.thread_time()
        hits = [hit for hit in traffic.hits(CALLS * 2) if not hit.visitor.is_bot][:CALLS]
        begun += sum(site_of(hit) != b"same-origin" for hit in hits)
        first = number % len(ways)
        for name in [*ways][first:] + [*ways][:first]:
            way, gate, unlogged = ways[name]
            spent = {manner: timed(way, gate, hits) for manner, timed in MANNERS.items()}
            spent[KEEPING] = keeping(unlogged, gate, hits) if unlogged is not None else 0.0
            if number >= WARM_UP:
                for manner, microseconds in spent.items():
                    samples[name][manner].append(microseconds)
    beside = time.process_time() - time.thread_time() - started
    visits = CALLS * (rounds + WARM_UP)
    operational = CALLS * rounds * len(MANNERS) * sum(way.startswith("T0") for way in ways)
    return Measured(samples, traffic, begun / visits, beside / operational * 1e6)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    logging.getLogger("anonip").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="benchmark-log-") as name:
        folder = Path(name)
        measured = measure(folder, chosen.rounds)
        samples, needles = measured.samples, measured.traffic.needles()
        print(f"{measured.begun:.0%} of these page views begin a visit")
        kept = statistics.median(samples["T0"][KEEPING])
        print(f"keeping a visit's headers takes {kept:.2f} µs, which is in every figure of ours")
        print(f"beside the requests: {measured.beside:.1f} µs for each page view of T0")
        print(f"{'µs a visit (share of uvicorn)':<32}", *(f"{one:>16}" for one in MANNERS), end="")
        print(f"{'target':>8}{'left on disk':>14}")
        empty = samples.pop(EMPTY)
        baseline = medians(samples[BASELINE], empty)
        for way, manners in samples.items():
            below = folder / way.partition(",")[0].partition(" ")[0]
            left = sum(map(len, found_in(below, needles).values()))
            print(row_of(way, medians(manners, empty), baseline, left))


def medians(
    manners: Mapping[str, list[float]], empty: Mapping[str, list[float]]
) -> Mapping[str, float]:
    """Microseconds a visit by manner: without what an empty way takes, with keeping headers."""
    middle = {name: statistics.median(times) for name, times in manners.items()}
    return {
        name: middle[name] - statistics.median(empty[name]) + middle[KEEPING] for name in MANNERS
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
