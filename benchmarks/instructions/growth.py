"""Owns the question whether memory and cost grow when every value of every request is new.

Cookies, agents, paths, hosts, languages, referrers and addresses never come twice. A quarter of the
requests carries one of 10,000 grants; another quarter a token that somebody made up. One in twenty
gets a page. The site log is on.

Memory is what the process holds (RSS). Time is processor time of all its threads, also as a share
of what a request through SessionMiddleware takes in the same moments; on a busy machine it still
varies by some percent. So the verdict is about instructions, of the thread that serves, where
valgrind is installed: a second run sends the same requests and counts those before each mark.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.types import ASGIApp, Message

from benchmarks import apps
from benchmarks.gate import headers_for
from benchmarks.instructions.callgrind import (
    ROOT,
    CallgrindError,
    counted,
    counting,
    environment,
    is_counted,
    missing,
)
from benchmarks.instructions.requests import (
    CHROME,
    Headers,
    Scope,
    choose,
    new_agent,
    notice_of,
    scope_of,
)

MARKS = (50_000, 100_000, 200_000, 500_000, 1_000_000)
BLOCK = 100
YARDSTICK = 100
"""Requests through SessionMiddleware beside each block."""
WINDOW = 20_000
"""Time at a mark is the mean of so many requests before it."""
COUNTED = 1_000
"""Instructions at a mark are the mean of so many requests before it."""
GRANTS = 10_000
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


def marks_of(count: int) -> list[int]:
    """After how many requests we look, of so many."""
    return sorted({*(mark for mark in MARKS if mark < count), count})


def grow(count: int) -> int:
    """Print the tables and the verdict; 1 where memory or cost has grown by more than 2 %."""
    marks = list(_timed(count))
    memory = marks[-1].megabytes / marks[0].megabytes - 1
    cost = marks[-1].share / marks[0].share - 1
    if fault := missing():
        print(f"instructions are not counted: {fault}")
    else:
        cost = _count_marks(count)
    is_flat = max(memory, cost) <= MOST_GROWTH
    print("flat within 2 %" if is_flat else "NOT flat within 2 %")
    return 0 if is_flat else 1


def _timed(count: int) -> Iterator[Mark]:
    """The marks of a process of its own, printed as they come."""
    print(
        f"{'requests':>10}{'RSS MB':>10}{'grown':>9}{'µs':>9}{'share':>9}{'grown':>9}", flush=True
    )
    first = None
    with tempfile.TemporaryDirectory(prefix="growth-") as folder, _child(folder, count) as child:
        for line in child.stdout or ():
            mark = Mark(**json.loads(line))
            first = first or mark
            memory, share = mark.megabytes / first.megabytes - 1, mark.share / first.share - 1
            print(
                f"{mark.requests:>10,}{mark.megabytes:>10.1f}{memory:>+9.1%}"
                f"{mark.microseconds:>9.0f}{mark.share:>9.2f}{share:>+9.1%}",
                flush=True,
            )
            yield mark
    if child.returncode:
        raise CallgrindError(f"the requests were not sent: {child.returncode}")


def _child(folder: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.instructions.growth", str(count)]
    return subprocess.Popen(
        command, env=environment(Path(folder)), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def _count_marks(count: int) -> float:
    """Print the instructions a request takes before each mark; how much they have grown."""
    counts = counted("benchmarks.instructions.growth", str(count), is_of_one_thread=True)
    found = [counts[str(mark)] / COUNTED for mark in marks_of(count)]
    print(f"{'requests':>10}{'instructions':>28}{'grown':>9}")
    for mark, instructions in zip(marks_of(count), found, strict=True):
        print(f"{mark:>10,}{instructions:>28,.0f}{instructions / found[0] - 1:>+9.1%}")
    return found[-1] / found[0] - 1


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


class _Traffic:
    """Blocks of new requests, and the gate that they go to."""

    def __init__(self) -> None:
        self.gate = apps.gate(log=True)
        self.tokens: list[str] = []
        self.sent = 0

    async def grant(self) -> None:
        """Have another gate of the same key take the choices, whose ledger does not count here."""
        signing = apps.gate()
        notice = await notice_of(signing)
        numbers = range(GRANTS)
        self.tokens = [await choose(signing, "granted", number, notice) for number in numbers]

    def block(self, size: int) -> list[Scope]:
        """The next requests."""
        numbers = range(self.sent, self.sent + size)
        self.sent += size
        return [new_scope(number, self.tokens) for number in numbers]


async def measure(count: int) -> None:
    """Send so many requests; print every mark as a line of JSON."""
    traffic, session = _Traffic(), apps.make("session")
    await traffic.grant()
    loaded = [*headers_for("none", 0, ""), (b"cookie", apps.session_cookie())]
    times: deque[tuple[float, float]] = deque(maxlen=WINDOW // BLOCK)
    for mark in marks_of(count):
        while traffic.sent < mark:
            scopes = traffic.block(BLOCK)
            yardstick = [scope_of("/session", list(loaded)) for _ in range(YARDSTICK)]
            times.append((await _seconds(traffic.gate, scopes), await _seconds(session, yardstick)))
        ours = sum(seconds for seconds, _ in times) / (len(times) * BLOCK)
        theirs = sum(seconds for _, seconds in times) / (len(times) * YARDSTICK)
        found = Mark(traffic.sent, _megabytes(), ours * 1e6, ours / theirs)
        print(json.dumps(asdict(found)), flush=True)


async def count_marks(count: int) -> None:
    """Send the same under callgrind, and count the last requests before every mark."""
    traffic = _Traffic()
    await traffic.grant()
    for mark in marks_of(count):
        while traffic.sent < mark - COUNTED:
            await _seconds(traffic.gate, traffic.block(min(BLOCK, mark - COUNTED - traffic.sent)))
        scopes = traffic.block(COUNTED)
        gc.collect()
        gc.disable()
        with counting(str(mark)):
            await _seconds(traffic.gate, scopes)
        gc.enable()


def main(count: int) -> None:
    """One of the two runs, in a process of its own."""
    logging.getLogger("consentgate").setLevel(logging.CRITICAL)  # names each unknown cookie
    asyncio.run(count_marks(count) if is_counted() else measure(count))


if __name__ == "__main__":
    main(int(sys.argv[1]))
