"""Measures what place and regime add to a request: ``python -m benchmarks.places``.

A database of 60 000 networks is built, then medians are printed for the whole way from the scope
to the regime: warm (the visitor was here before), cold (never), and behind two proxies.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from consentgate.asgi.placing import Placing
from consentgate.domain.policy.policy import Controller, Policy, RegimeSettings

TARGET_MICROSECONDS = 10.0
NOW = 1_795_000_000
ROUNDS = 30
CALLS = 2_000
_HEADERS = [
    (b"host", b"shop.example"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.7,de;q=0.3"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"cookie", b"session=x; cart=y"),
]
_FORWARDED = (b"x-forwarded-for", b"5.83.7.9, 10.0.0.7")


def build(path: Path) -> None:
    """Write a database of 60 000 networks in the shape of GeoLite2 City."""
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

    writer = MMDBWriter(6, "GeoLite2-City", languages=["en"], ipv4_compatible=True)
    codes = ("DE", "FR", "US", "GB", "BR", "JP", "CH", "CA")
    for number in range(60_000):
        record = {"country": {"iso_code": codes[number % 8]}, "subdivisions": [{"iso_code": "CA"}]}
        network = f"{1 + number // 4_096}.{number // 16 % 256}.{number % 16 * 16}.0/20"
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))


def scope(address: str, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    """A request from an address."""
    return {"type": "http", "client": (address, 4711), "headers": [*_HEADERS, *more]}


def median(call: Callable[[dict[str, Any]], object], scopes: Iterator[dict[str, Any]]) -> float:
    """Microseconds a call takes, the median of rounds."""
    times = []
    for _ in range(ROUNDS):
        round_ = [next(scopes) for _ in range(CALLS)]
        started = time.perf_counter_ns()
        for one in round_:
            call(one)
        times.append((time.perf_counter_ns() - started) / CALLS / 1_000)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "city.mmdb"
        build(path)
        policy = Policy(controller=Controller(name="x"), version="1", effective=date(2026, 1, 1))
        settings = RegimeSettings(place_database=str(path), trusted_proxies=("10.0.0.0/8",))
        placing = Placing(replace(policy, regimes=settings))
        few = [f"5.{number}.1.1" for number in range(200)]

        def again(*more: tuple[bytes, bytes]) -> Iterator[dict[str, Any]]:
            while True:
                for address in few:
                    yield scope("10.0.0.1" if more else address, *more)

        def anew() -> Iterator[dict[str, Any]]:
            for number in range(1, 1 << 24):
                yield scope(f"{1 + number % 14}.{number >> 16}.{number >> 8 & 255}.{number & 255}")

        print(f"{'case':34} {'median':>9}")
        for name, scopes in (
            ("warm: seen before", again()),
            ("warm: behind two proxies", again(_FORWARDED)),
            ("cold: never seen", anew()),
        ):
            figure = median(lambda one: placing.regime_of(one, NOW), scopes)
            verdict = "" if "cold" in name else f"  target {TARGET_MICROSECONDS:.0f} us"
            print(f"{name:34} {figure:6.2f} us{verdict}")
        placing.close()


if __name__ == "__main__":
    main()
