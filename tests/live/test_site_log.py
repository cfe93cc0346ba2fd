"""The site log of a real server with several workers, which is killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.day_files import format_of
from consentgate.log.writing.layout import Layout
from tests.live import VISITOR, Live, free_port, serving

CONNECTIONS, REQUESTS = 8, 20
NAMED = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"}


def accepted(live: Live) -> str:
    """The cookie pair of a visitor who permits everything."""
    notice = json.loads(live.ask("/privacy-choices/state").body)["notice"]
    return f"choices={live.choose('accept', notice=notice).cookie('choices')}"


def many(live: Live, cookie: str) -> set[int]:
    """Ask over several connections at once; the workers that answered."""
    connections = [
        http.client.HTTPConnection("127.0.0.1", live.port, source_address=(VISITOR, 0))
        for _ in range(CONNECTIONS)
    ]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
        workers = set()
        for _ in range(REQUESTS):
            for connection in connections:
                connection.request("GET", "/echo", headers={**NAMED, "cookie": cookie})
            for connection in connections:
                workers.add(json.loads(connection.getresponse().read())["pid"])
    return workers


@pytest.mark.requirement("LOG-01", "LOG-03", "LOG-16")
def test_killing_the_server_loses_no_record(tmp_path: Path) -> None:
    """Two workers, kill -9: whoever was answered is in the log, under one name, once."""
    port = free_port()
    command = ["uvicorn", "--factory", "tests.live.site:make", "--port", str(port), "--workers=2"]
    with serving(command, tmp_path / "out", {"SITE_FOLDER": str(tmp_path)}, port=port) as live:
        cookie = accepted(live)
        workers = many(live, cookie)
        os.killpg(live.process.pid, signal.SIGKILL)
        live.process.wait()
    layout = Layout.of(tmp_path / "log")
    assert len(list(layout.live.iterdir())) >= len(workers)
    ends = time.monotonic() + 30
    while list(layout.live.iterdir()) and time.monotonic() < ends:
        compact(layout)  # a segment is free when the system has buried its worker
    rows = [row for _, path in layout.parts() for row in format_of(path).read(path)]
    asked = [row for row in rows if row["route"] == "/echo"]
    missing = CONNECTIONS * REQUESTS - len(asked)
    assert 0 <= missing <= CONNECTIONS, "the last ones may not have been noted yet"
    (name,) = {row["visitor"] for row in asked}
    assert re.fullmatch(r"100::[0-9a-f:]+", name)
    held = b"".join(path.read_bytes() for path in layout.root.rglob("*") if path.is_file())
    assert VISITOR.encode() not in held
    assert b"Mozilla" not in held
