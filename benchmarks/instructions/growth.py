"""Owns the question whether memory and time grow when every value of every request is new.

Cookies, agents, paths, hosts, languages, referrers and addresses never come twice. A quarter of the
requests carries a grant, out of 2,000; another quarter a token that somebody made up. One in twenty
gets a page. The site log is on. Memory is what the process holds (RSS); time is processor time of
all its threads, also as a share of what a request through SessionMiddleware takes in the same
moments, so that a machine that slows down is not taken for growth.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Message

from benchmarks import apps
from benchmarks.gate import headers_for
from benchmarks.instructions.callgrind import ROOT, environment
from benchmarks.instructions.requests import CHROME, Headers, Scope, choose, new_agent, scope_of

MARKS = (50_000, 100_000, 200_000, 500_000, 1_000_000)
BLOCK = 500
YARDSTICK = 250
"""Requests through SessionMiddleware beside each block."""
WINDOW = 20_000
"""Time at a mark is the mean of so many requests before it."""
GRANTS = 2_000
MOST_GROWTH = 0.02
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Mark:
    """What was seen after so many requests."""

    requests: int
    megabytes: float
    microseconds: float
    share: float
    """Of what a request through SessionMiddleware takes."""


def grow(count: int) -> int:
    """Measure in a process of its own; 1 where memory or time has grown by more than 2 %."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        command = [sys.executable, "-m", "benchmarks.instructions.growth", str(count)]
        return subprocess.run(command, env=environment(Path(folder)), cwd=ROOT).returncode


def new_scope(number: int, tokens: list[str]) -> Scope:
    """A page view whose values no other number has."""
    word = _word(number)
    path = f"/page/{word}/{number}" if number % 20 == 0 else f"/articles/{word}/{number}"
    scope = scope_of(path, _new_headers(number, word, tokens))
    address = f"{1 + number % 223}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    scope |= {"query_string": b"q=" + word.encode(), "client": (address, 1_024 + number % 60_000)}
    return scope


def _new_headers(number: int, word: str, tokens: list[str]) -> Headers:
    host = f"{word}.shop.example"
    referrer = (
        f"https://{word}.elsewhere.example/{number}" if number % 2 else f"http://{host}/{word}"
    )
    jar = [f"session={word}", f"site_{word}={number}", f"{word}={word}", f"_pk_{word}={number}"]
    if number % 4 == 1:
        jar.append(tokens[number // 4 % len(tokens)])
    elif number % 4 == 2:
        name, _, value = tokens[0].partition("=")
        jar.append(f"{name}={value[:-20]}{number:020d}")
    changes = {
        b"host": host,
        b"user-agent": new_agent(number),
        b"accept-language": f"{word[:3]}-{word[3:5]},{word[-3:]};q=0.9,{word};q=0.8",
        b"referer": referrer,
        b"sec-ch-ua": f'"Chromium";v="{number}", "{word}";v="24"',
        b"sec-fetch-site": "cross-site" if number % 2 else "same-origin",
    }
    pairs = [
        (key, changes[key].encode() if key in changes else bytes(value)) for key, value in CHROME
    ]
    return [*pairs, (b"cookie", "; ".join(jar).encode())]


def _word(number: int) -> str:
    """Eight letters, others for every number below 26 ** 8."""
    mixed, letters = number * 100_000_007 % 26**8, []
    for _ in range(8):
        mixed, letter = divmod(mixed, 26)
        letters.append(_LETTERS[letter])
    return "".join(letters)


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    return None


async def _seconds(app: ASGIApp, scopes: list[Scope]) -> float:
    """Processor time of all threads for these requests; with the loop's turns between them."""
    started = time.process_time()
    for scope in scopes:
        await app(scope, _receive, _send)
    await asyncio.sleep(0)
    return time.process_time() - started


def _megabytes() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(count: int) -> list[Mark]:
    """Send so many requests, and look at every mark and at the end."""
    gate, session = apps.gate(log=True), apps.make("session")
    signing = apps.gate()
    tokens = [await choose(signing, "granted", number) for number in range(GRANTS)]
    loaded = [*headers_for("none", 0, ""), (b"cookie", apps.session_cookie())]
    marks = sorted({*(mark for mark in MARKS if mark < count), count})
    found: list[Mark] = []
    times: list[tuple[float, float]] = []
    for start in range(0, count, BLOCK):
        scopes = [new_scope(number, tokens) for number in range(start, start + BLOCK)]
        yardstick = [scope_of("/session", list(loaded)) for _ in range(YARDSTICK)]
        times.append((await _seconds(gate, scopes), await _seconds(session, yardstick)))
        if start + BLOCK >= marks[len(found)]:
            found.append(_mark(start + BLOCK, times[-WINDOW // BLOCK :]))
            show(found[-1], found[0])
    return found


def _mark(requests: int, times: list[tuple[float, float]]) -> Mark:
    ours = sum(time for time, _ in times) / (len(times) * BLOCK)
    theirs = sum(time for _, time in times) / (len(times) * YARDSTICK)
    return Mark(requests, _megabytes(), ours * 1e6, ours / theirs)


def show(mark: Mark, first: Mark) -> None:
    """Print one line."""
    memory, share = mark.megabytes / first.megabytes - 1, mark.share / first.share - 1
    print(
        f"{mark.requests:>10,}{mark.megabytes:>10.1f}{memory:>+9.1%}{mark.microseconds:>9.0f}"
        f"{mark.share:>8.2f}{share:>+9.1%}",
        flush=True,
    )


def main(count: int) -> int:
    """Print the table and the verdict."""
    logging.getLogger("consentgate").setLevel(logging.CRITICAL)  # names each unknown cookie
    print(
        f"{'requests':>10}{'RSS MB':>10}{'grown':>9}{'µs':>9}{'share':>8}{'grown':>9}", flush=True
    )
    found = asyncio.run(measure(count))
    memory = found[-1].megabytes / found[0].megabytes - 1
    share = found[-1].share / found[0].share - 1
    is_flat = max(memory, share) <= MOST_GROWTH
    print("flat within 2 %" if is_flat else "NOT flat within 2 %")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
