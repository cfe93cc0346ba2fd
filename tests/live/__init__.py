"""Real servers in processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "a-key-for-tests-that-is-long-enough-to-sign-with"
VISITOR = "127.0.0.9"
"""The address visitors of the tests come from; a log that holds it has kept an address."""


@dataclass
class Answer:
    """What a visitor receives."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def cookie(self, name: str) -> str:
        """The value that a ``Set-Cookie`` line gives a cookie; empty where none does."""
        for key, value in self.headers:
            if key.lower() == "set-cookie" and value.startswith(f"{name}="):
                return value.partition("=")[2].partition(";")[0]
        return ""


@dataclass
class Live:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    output_file: Path
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Everything that the server has printed."""
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def ask(self, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request over a connection of its own, from VISITOR."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=20, source_address=(VISITOR, 0)
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body or None, {**self.headers, **named})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())

    def choose(self, choice: str, *, notice: str = "", **headers: str) -> Answer:
        """A choice as the form of the first layer makes it."""
        return self.ask(
            "/privacy-choices",
            method="POST",
            body=urlencode({"choice": choice, "notice": notice, "source": "banner"}).encode(),
            content_type="application/x-www-form-urlencoded",
            sec_fetch_site="same-origin",
            **headers,
        )


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody answers HTTP there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


@contextlib.contextmanager
def serving(
    arguments: list[str],
    output_file: Path,
    environment: Mapping[str, str],
    *,
    port: int,
    folder: Path = ROOT,
) -> Iterator[Live]:
    """Run ``python -m ARGUMENTS`` until the block ends; it must answer on the port.

    Args:
        arguments: module and what follows it.
        output_file: where everything goes that it prints.
        environment: added to this process's own.
        port: as the arguments name it.
        folder: where it runs.
    """
    with output_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**os.environ, "CONSENTGATE_SECRET": SECRET, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        ends = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, output_file.read_text(errors="replace")
            assert time.monotonic() < ends, output_file.read_text(errors="replace")
            time.sleep(0.05)
        yield Live(port, process, output_file)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
