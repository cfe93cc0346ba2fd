"""The running demo, searched byte by byte after an erasure: no file of it names the visitor."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.formats.token import TokenCodec
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.tokens import TokenReader
from examples.fastapi_app.app import POLICY

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-the-test-that-is-long-enough-0123456789"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The demo as ``make demo`` runs it, in a folder of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "CONSENTGATE_SECRET": SECRET,
        "CONSENTGATE_ENV": "development",
    }
    with (tmp_path / "server.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.fastapi_app"],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        base = f"http://127.0.0.1:{port}"
        try:
            _wait_for(base)
            yield base
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(base: str) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            httpx.get(base + "/", headers={"user-agent": AGENT}, timeout=10)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the demo did not start")


def id_of(token: str) -> str:
    """The visitor's key: the random id in the cookie."""
    policy = load_policy(POLICY)
    meaning = Plan(policy).meaning
    audience = policy.site.token_name + "|" + policy.controller.name
    codec = TokenCodec([SECRET.encode()], audience=audience)
    choice = TokenReader(codec, {meaning.hash: meaning}, meaning).read(
        [token.encode()], int(time.time())
    )
    assert choice is not None
    return choice.id


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    """Every file whose name or bytes hold one of these."""
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found += [
            f"{path.relative_to(folder)} {one[:12]!r}"
            for one in needles
            if one in content or one in path.name.encode()
        ]
    return found


@pytest.mark.requirement("DSR-02")
def test_no_byte_of_the_visitors_key_is_left(demo: str, tmp_path: Path) -> None:
    """Ledger, its write-ahead log, the proof, the site log, the register, the server's output."""
    with httpx.Client(base_url=demo, headers={"user-agent": AGENT, **SAME}, timeout=30) as visitor:
        page = visitor.get("/privacy-choices").text
        notice = re.search(r'name="notice" value="([0-9a-f]{64})"', page)
        assert notice is not None
        form = {"choice": "accept", "notice": notice[1], "source": "page"}
        assert visitor.post("/privacy-choices", data=form).status_code in (200, 303)
        token = visitor.cookies["choices"]
        for path in ("/", "/recommendations", "/wishlist"):
            assert visitor.get(path).status_code == 200
        held = visitor.get("/privacy-choices/data", params={"format": "json"}).json()
        (subject,) = held["subjects"]
        _wait_for_receipt(visitor)
        key = id_of(token)
        needles = [
            subject.encode(),
            bytes.fromhex(subject),
            key.encode(),
            bytes.fromhex(key),
            token.encode(),
        ]
        assert files_with(tmp_path, needles)
        answer = visitor.post("/privacy-choices/erase", data={"key": ""})
        assert answer.status_code == 200, answer.text
        assert files_with(tmp_path, needles) == []
        after = visitor.get("/privacy-choices/data", params={"format": "json"}).json()
        assert (after["events"], after["visits"]) == ([], [])
        assert visitor.get("/recommendations").json()["because"] == "the same for everyone"
        visitor.cookies.set("choices", token, domain="127.0.0.1")
        old = httpx.get(demo + "/recommendations", headers={"cookie": f"choices={token}"})
        assert old.json()["because"] == "the same for everyone"
    assert files_with(tmp_path, needles) == []


def _wait_for_receipt(visitor: httpx.Client) -> None:
    """Until the tree holds the grant, so that its salt has to be forgotten too."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if visitor.get("/privacy-choices/receipt").status_code == 200:
            return
        time.sleep(0.5)
    raise AssertionError("no receipt came")
