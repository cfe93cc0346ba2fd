"""Measures what a line of the log costs, beside uvicorn's access log and anonip, in one run.

``python -m benchmarks.log`` prints, for each way to log the same traffic, the microseconds a visit
takes, as a share of what uvicorn's formatter takes, and how many planted items (e-mail addresses,
tokens, numbers, addresses, agents) are left on disk. All ways take turns in every round; a round's
figure leaves the slowest twentieth of its visits out (a busy machine interrupts some), and the
figures shown are medians of rounds.
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
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anonip
from uvicorn.logging import AccessFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from benchmarks.places import build
from benchmarks.traffic import Hit, Traffic, found_in
from consentgate.asgi.placing import Placing
from consentgate.asgi.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy import Controller, LogSettings, Policy, RegimeSettings
from consentgate.domain.regimes import UNKNOWN
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit

NOW = 1_795_000_000
ROUNDS = 40
CALLS = 400
WARM_UP = 15
"""Rounds that are not counted: a server's caches are warm after its first minute."""
TARGETS = {"T0": 0.25, "T0-batch": 0.25, "T1": 1.2}
POLICY = Policy(controller=Controller(name="x"), version="1", effective=dt.date(2026, 1, 1))
BASELINE = "uvicorn AccessFormatter"
Way = Callable[[Visit, Hit], None]
"""Logs one visit."""


class _Reader:
    """Reads one choice from any token."""

    def __init__(self, choice: Choice | None) -> None:
        self.choice = choice

    def read(self, tokens: list[bytes], now: int) -> Choice | None:
        return self.choice


def visit_of(hit: Hit, plan: Plan, choice: Choice | None, placing: Placing) -> Visit:
    """The visit of a hit, answered; making it is not what is measured."""
    visitor = hit.visitor
    headers = [
        (b"host", b"shop.example"),
        (b"user-agent", visitor.agent.encode("latin-1", "replace")),
        (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"accept-language", visitor.language.encode()),
        (b"cookie", f"session={visitor.cookie}; choices=x".encode()),
        (b"sec-fetch-site", b"none" if not hit.referrer else b"same-origin"),
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-dest", b"document"),
    ]
    if hit.referrer:
        headers.append((b"referer", hit.referrer.encode()))
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
    placing.regime_of(scope, NOW)  # as the gate does before the app runs
    visit = Visit(scope, plan, _Reader(choice), UNKNOWN, NOW)  # type: ignore[arg-type]
    visit.status, visit.bytes_out = hit.status, hit.size
    if hit.route:
        visit.scope["route"] = SimpleNamespace(path=hit.route)
    return visit


def ours(folder: Path, placing: Placing, durability: str = "line") -> Way:
    """The real site log, to a real folder, with a real place database."""
    policy = replace(POLICY, log=LogSettings(directory=str(folder), durability=durability))
    log = SiteLog.open(policy, country_of=lambda visit: placing.place_of(visit.scope).country)

    def write(visit: Visit, hit: Hit) -> None:
        log.note(visit, hit.duration_us * 1_000)

    return write


def uvicorns(folder: Path) -> Way:
    """What uvicorn does for a request: its logger, its formatter, a file."""
    logger = _logger("benchmark.uvicorn", folder)
    logger.handlers[0].setFormatter(
        AccessFormatter('%(client_addr)s - "%(request_line)s" %(status_code)s', use_colors=False)
    )

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


def _logger(name: str, folder: Path) -> logging.Logger:
    folder.mkdir(parents=True)
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(folder / "access.log"))
    return logger


def anonips(folder: Path) -> Way:
    """anonip over lines that somebody else has formatted: what it takes is on top of that."""
    folder.mkdir(parents=True)
    file = (folder / "access.log").open("a", buffering=1)
    filtered = anonip.Anonip()

    def write(visit: Visit, hit: Hit) -> None:
        file.write(f"{filtered.process_line(hit.line)}\n")

    return write


def timed(way: Way, visit: Visit, hit: Hit) -> int:
    """Nanoseconds that one visit takes, just made as it is in a server."""
    started = time.perf_counter_ns()
    way(visit, hit)
    return time.perf_counter_ns() - started


def measure(folder: Path, rounds: int) -> tuple[Mapping[str, float], Traffic]:
    """Microseconds a visit of each way, and the traffic that was logged."""
    traffic = Traffic()
    build(folder / "places.mmdb")
    plan = Plan(POLICY)
    regimes = RegimeSettings(place_database=str(folder / "places.mmdb"))
    placing = Placing(replace(POLICY, regimes=regimes))
    granted = Choice(made_at=NOW - 60, purposes={"statistics": True}, id="x")
    ways: dict[str, tuple[Way, Choice | None]] = {
        BASELINE: (uvicorns(folder / "uvicorn"), None),
        "T0": (ours(folder / "T0", placing), None),
        "T0-batch": (ours(folder / "T0-batch", placing, "batch"), None),
        "T1": (ours(folder / "T1", placing), granted),
        "anonip, on top of a formatter": (anonips(folder / "anonip"), None),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()
    for number in range(rounds + WARM_UP):
        hits = [hit for hit in traffic.hits(CALLS * 2) if not hit.visitor.is_bot][:CALLS]
        for name, (way, choice) in ways.items():
            spent = sorted(timed(way, visit_of(hit, plan, choice, placing), hit) for hit in hits)
            if number >= WARM_UP:
                samples[name].append(statistics.mean(spent[: -len(spent) // 20]) / 1_000)
    return {name: statistics.median(times) for name, times in samples.items()}, traffic


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    logging.getLogger("anonip").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="benchmark-log-") as name:
        folder = Path(name)
        medians, traffic = measure(folder, chosen.rounds)
        needles = traffic.needles()
        print(f"{'way':<32}{'µs a visit':>11}{'share':>8}{'target':>8}{'left on disk':>14}")
        for way, microseconds in medians.items():
            share = microseconds / medians[BASELINE]
            target = TARGETS.get(way)
            left = sum(
                map(
                    len,
                    found_in(folder / way.partition(",")[0].partition(" ")[0], needles).values(),
                )
            )
            wanted = "" if target is None else f"{target:.2f}"
            verdict = "" if target is None else "  met" if share <= target else "  MISSED"
            print(f"{way:<32}{microseconds:11.1f}{share:8.2f}{wanted:>8}{left:14}{verdict}")


if __name__ == "__main__":
    main()
