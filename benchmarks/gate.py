"""Measures what the gate adds to a request, beside Starlette's own middleware, in one run.

``python -m benchmarks.gate`` prints, per case, the CPU time a request takes in process and behind
uvicorn under wrk, as what each middleware *adds* to the bare app, and that as a share of what
SessionMiddleware adds. All stacks take turns in every round; the figures are medians of rounds, so
a busy machine blurs all of them alike, and waiting for a processor is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

from starlette.types import ASGIApp, Message

from benchmarks import apps

ROUNDS = 41
CALLS = 60
SERVER_ROUNDS = 5
SECONDS = 2


@dataclass(frozen=True)
class Case:
    """One question: this stack, this address, these cookies; and what it may cost."""

    name: str
    stack: str
    path: str
    state: str = "none"
    """``none``, ``refused`` or ``granted``: the token that is sent."""
    cookies: int = 0
    target: float | None = None
    """Largest share of what SessionMiddleware adds that we want."""


CASES = (
    Case("SessionMiddleware, no cookie", "session", "/json"),
    Case("BaseHTTPMiddleware, no-op", "basehttp", "/json"),
    Case("idle: JSON, no cookies", "gate", "/json", target=0.25),
    Case("undecided: JSON, 5 cookies", "gate", "/json", cookies=5),
    Case("undecided: page and banner", "gate", "/page", target=0.7),
    Case("undecided: page, banner, 5 cookies", "gate", "/page", cookies=5, target=0.7),
    Case("undecided: page, banner, 50 cookies", "gate", "/page", cookies=50),
    Case("undecided: three Set-Cookie", "gate", "/cookies", target=0.9),
    Case("refused: JSON", "gate", "/json", "refused", target=0.4),
    Case("refused: JSON, 5 cookies", "gate", "/json", "refused", 5, 0.4),
    Case("refused: JSON, 50 cookies", "gate", "/json", "refused", 50),
    Case("refused: page", "gate", "/page", "refused"),
    Case("granted: JSON", "gate", "/json", "granted", target=0.4),
    Case("granted: JSON, 5 cookies", "gate", "/json", "granted", 5, 0.4),
    Case("granted: page, 5 cookies", "gate", "/page", "granted", 5),
    Case("granted: three Set-Cookie", "gate", "/cookies", "granted", 0, 0.9),
    Case("idle, with the site log", "gate+log", "/json", target=0.75),
    Case("granted: JSON, 5 cookies, with the site log", "gate+log", "/json", "granted", 5, 0.9),
)
BASELINE = "SessionMiddleware, session loaded"
SERVED = (
    "idle: JSON, no cookies",
    "refused: JSON, 5 cookies",
    "granted: JSON, 5 cookies",
    "undecided: page and banner",
    "granted: JSON, 5 cookies, with the site log",
)


def tokens(gate: ASGIApp) -> Mapping[str, str]:
    """Ask the gate for a refusal and a grant, as a visitor without JavaScript does."""
    found = {"none": ""}
    for state, act in (("refused", "reject"), ("granted", "accept")):
        notice = _notice(gate)
        body = f"choice={act}&notice={notice}&next=/".encode()
        sent = asyncio.run(_call(gate, "POST", "/privacy-choices", [], body))
        lines = [v for k, v in sent[0]["headers"] if k == b"set-cookie"]
        assert sent[0]["status"] == 303, sent
        found[state] = next(
            line.split(b";")[0].decode() for line in lines if b"Max-Age=0" not in line
        )
    return found


def _notice(gate: ASGIApp) -> str:
    sent = asyncio.run(_call(gate, "GET", "/page", []))
    page = b"".join(message.get("body", b"") for message in sent)
    return page.partition(b'name="notice" value="')[2].partition(b'"')[0].decode()


def headers_for(state: str, cookies: int, token: str) -> list[tuple[bytes, bytes]]:
    """The request's headers: a browser's, with the session, the token and filler cookies."""
    jar = [f"site_{number}=value-{number}" for number in range(max(0, cookies - 2))]
    if cookies:
        jar.append("session=abc")
        jar.append("visitor=a1b2c3" if state == "none" else "csrf=d4e5f6")
    if token:
        jar.append(token)
    found = [
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"),
        (b"accept", b"text/html,application/xhtml+xml"),
        (b"accept-language", b"en-GB,en;q=0.9"),
        (b"accept-encoding", b"gzip, br"),
    ]
    return [*found, (b"cookie", "; ".join(jar).encode())] if jar else found


async def _call(
    app: ASGIApp, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b""
) -> list[Message]:
    scope = _scope(method, path, headers)
    if body:
        scope["headers"] = [
            (b"host", b"127.0.0.1:8000"),
            (b"origin", b"http://127.0.0.1:8000"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ]
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def _scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


async def _time(app: ASGIApp, path: str, headers: list[tuple[bytes, bytes]], calls: int) -> float:
    """CPU seconds for one request, over ``calls`` of them; every request has a scope of its own."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        return None

    scopes = [_scope("GET", path, list(headers)) for _ in range(calls)]
    started = time.process_time()
    for scope in scopes:
        await app(scope, receive, send)
    return (time.process_time() - started) / calls


def in_process(rounds: int) -> list[tuple[Case, float, float, float]]:
    """Per case: what the bare app takes, what is added, and the share of SessionMiddleware."""
    stacks = {name: apps.make(name) for name in apps.STACKS}
    state = tokens(stacks["gate"])
    baseline = [*headers_for("none", 0, ""), (b"cookie", apps.session_cookie())]
    runs: list[tuple[ASGIApp, str, list[tuple[bytes, bytes]]]] = []
    for case in CASES:
        headers = headers_for(case.state, case.cookies, state[case.state])
        runs += [
            (stacks["bare"], case.path, headers),
            (stacks[case.stack], case.path, headers),
        ]
    runs += [(stacks["bare"], "/json", baseline), (stacks["session"], "/json", baseline)]
    samples: list[list[float]] = [[] for _ in runs]
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for number, (app, path, headers) in enumerate(runs):
            samples[number].append(asyncio.run(_time(app, path, headers, CALLS)))
    medians = [statistics.median(values) for values in samples]
    session = medians[-1] - medians[-2]
    found = [
        (case, medians[2 * n], medians[2 * n + 1] - medians[2 * n], 0.0)
        for n, case in enumerate(CASES)
    ]
    found.append((Case(BASELINE, "session", "/json"), medians[-2], session, 0.0))
    return [(case, base, added, added / session) for case, base, added, _ in found]


@contextmanager
def served(stack: str) -> Iterator[tuple[int, int]]:
    """A uvicorn process with that stack; gives its port and pid."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.apps:app"]
    options = ["--port", str(port), "--no-access-log", "--log-level", "error"]
    process = subprocess.Popen(
        command + options, env={**os.environ, "BENCHMARK_STACK": stack}, start_new_session=True
    )
    try:
        for _ in range(200):
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=1)
                connection.request("GET", "/json")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load(port: int, pid: int, path: str, headers: list[tuple[bytes, bytes]]) -> float:
    """CPU seconds of the server for one request, under wrk."""
    sent = [
        item for name, value in headers[1:] for item in ("-H", f"{name.decode()}: {value.decode()}")
    ]
    before = _cpu_seconds(pid)
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{SECONDS}s", *sent, f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    spent = _cpu_seconds(pid) - before
    requests = next(int(line.split()[0]) for line in out.splitlines() if "requests in" in line)
    return spent / requests


def behind_uvicorn(rounds: int) -> list[tuple[Case, float, float, float]]:
    """The same over real sockets: CPU time of the server process per request."""
    state = tokens(apps.make("gate"))
    chosen = [case for case in CASES if case.name in SERVED]
    baseline = [*headers_for("none", 0, ""), (b"cookie", apps.session_cookie())]
    runs = []
    for case in chosen:
        headers = headers_for(case.state, case.cookies, state[case.state])
        runs += [("bare", case.path, headers), (case.stack, case.path, headers)]
    runs += [("bare", "/json", baseline), ("session", "/json", baseline)]
    samples: list[list[float]] = [[] for _ in runs]
    with _all(sorted({stack for stack, _, _ in runs})) as ports:
        for _ in range(rounds):
            for number, (stack, path, headers) in enumerate(runs):
                samples[number].append(_load(*ports[stack], path, headers))
    medians = [statistics.median(values) for values in samples]
    session = medians[-1] - medians[-2]
    found = [
        (case, medians[2 * n], medians[2 * n + 1] - medians[2 * n]) for n, case in enumerate(chosen)
    ]
    found.append((Case(BASELINE, "session", "/json"), medians[-2], session))
    return [(case, base, added, added / session) for case, base, added in found]


@contextmanager
def _all(stacks: list[str]) -> Iterator[dict[str, tuple[int, int]]]:
    if not stacks:
        yield {}
        return
    with served(stacks[0]) as place, _all(stacks[1:]) as rest:
        yield {stacks[0]: place, **rest}


def show(title: str, rows: list[tuple[Case, float, float, float]]) -> None:
    """Print one table: microseconds, share, target, and whether it is met."""
    print(f"\n{title}\n{'case':<46}{'bare µs':>9}{'adds µs':>9}{'share':>7}{'target':>8}")
    for case, base, added, share in rows:
        wanted = "" if case.target is None else f"{case.target:.2f}"
        verdict = "" if case.target is None else "  met" if share <= case.target else "  MISSED"
        print(f"{case.name:<46}{base * 1e6:9.1f}{added * 1e6:9.1f}{share:7.2f}{wanted:>8}{verdict}")


def main(arguments: list[str] | None = None) -> None:
    """Run both parts; wrk is needed for the second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--in-process", action="store_true", help="leave uvicorn and wrk out")
    chosen = parser.parse_args(arguments)
    show("In process", in_process(chosen.rounds))
    if chosen.in_process:
        return
    if shutil.which("wrk") is None:
        print("\nwrk is not installed: the part behind uvicorn is left out")
        return
    show("Behind uvicorn: CPU time of the server per request", behind_uvicorn(SERVER_ROUNDS))


if __name__ == "__main__":
    main()
