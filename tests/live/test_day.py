"""A day of visitors through nginx and uvicorn, and then the most determined grep over every byte.

``DAY_HITS=200000 python -m pytest tests/live/test_day.py`` makes the day as long as one likes.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import sqlite3
from pathlib import Path
from urllib.parse import urlencode
from zlib import crc32

import pytest

from benchmarks.traffic import Hit, Traffic, Visitor, found_in
from consentgate.cli import main
from consentgate.log.security.sealing import write_key_pair
from tests.live import answers, free_port, serving
from tests.live.day import POLICY
from tests.live.test_proxies import nginx, proxied
from tests.log.written import records_in, rows_in, sums_in

HITS = int(os.environ.get("DAY_HITS", "800"))
BALANCER = "set_real_ip_from 127.0.0.0/8; real_ip_header x-balancer; proxy_pass http://app;"
"""A balancer before nginx says who asks, so that visitors come from all over the world."""


class People:
    """Visitors with their jars, behind one connection to the proxy."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._jars: dict[Visitor, str] = {}
        self.tokens: set[str] = set()
        """Values of the cookies that carry choices."""

    def _send(self, visitor: Visitor, method: str, target: str, body: str, **more: str) -> bytes:
        headers = {
            "user-agent": visitor.agent,
            "x-balancer": visitor.address,
            "x-forwarded-for": visitor.address,
            "cookie": f"session={visitor.cookie}{self._jars.get(visitor, '')}",
            "authorization": f"Bearer {visitor.cookie}",
            "accept": "text/html",
            **({"accept-language": visitor.language} if visitor.language else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        self._connection.request(method, target, body or None, headers)
        response = self._connection.getresponse()
        content = response.read()
        for line in response.headers.get_all("set-cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            if name == "choices" and "Max-Age=0" not in line:
                self._jars[visitor] = f"; choices={value}"
                self.tokens.add(value)
        return content

    def visit(self, hit: Hit, number: int) -> None:
        """One request of the day; before it, now and then, a choice, and after it a report."""
        visitor = hit.visitor
        signal = {"sec_gpc": "1"} if crc32(visitor.address.encode()) % 10 == 0 else {}
        if visitor not in self._jars and number % 3 == 0 and not visitor.is_bot:
            self.choose(visitor, ("accept", "save", "reject")[number // 3 % 3], **signal)
        more = {"referer": hit.referrer, "x_answer": str(hit.status), **signal}
        self._send(visitor, hit.method, hit.target, "", **{k: v for k, v in more.items() if v})
        if number % 5 == 0:
            self.post(visitor, "/privacy-choices/events", {"event": "pricing", "who": hit.path})

    def choose(self, visitor: Visitor, choice: str, **signal: str) -> None:
        """Choose as the form does; whoever saves permits statistics alone."""
        state = json.loads(self._send(visitor, "GET", "/privacy-choices/state", ""))
        said = {"choice": choice, "notice": state["notice"], "p": "statistics"}
        self.post(visitor, "/privacy-choices", said, **signal)

    def post(self, visitor: Visitor, path: str, fields: dict[str, str], **more: str) -> None:
        """A form from a page of the site."""
        self._send(
            visitor,
            "POST",
            path,
            urlencode(fields),
            content_type="application/x-www-form-urlencoded",
            sec_fetch_site="same-origin",
            **more,
        )


def prepared(folder: Path) -> Path:
    """The site's folder with its policy, which holds."""
    folder.mkdir()
    write_key_pair(folder / "officer.pem")
    (folder / "officer.pem").rename(folder.parent / "officer-at-home.pem")
    policy = folder / "consentgate.toml"
    policy.write_text(POLICY.format(folder=folder), encoding="utf-8")
    assert main(["check", str(policy)]) == 0
    return policy


def front(folder: Path, port: int, app: int) -> list[str]:
    """The documented nginx, behind a balancer."""
    command = nginx(folder, port, app)
    path = folder / "nginx.conf"
    text = path.read_text(encoding="utf-8")
    assert "proxy_pass http://app;" in text
    path.write_text(text.replace("proxy_pass http://app;", BALANCER), encoding="utf-8")
    return command


def unpacked(folder: Path, target: Path) -> None:
    """Whatever is compressed, as text beside it: grep does not read Parquet."""
    import pyarrow.parquet

    target.mkdir()
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.suffix == ".parquet":
            rows = pyarrow.parquet.read_table(path).to_pylist()
            (target / f"{number}.txt").write_text(json.dumps(rows, default=str))
        elif path.suffix == ".gz":
            (target / f"{number}.txt").write_bytes(gzip.decompress(path.read_bytes()))
        elif path.suffix == ".sqlite3":
            with sqlite3.connect(path) as ledger:
                (target / f"{number}.txt").write_text("\n".join(ledger.iterdump()))


def leaks(folder: Path, traffic: Traffic, people: People, copy: str) -> dict[str, set[bytes]]:
    """Every trace of a visitor below a folder."""
    needles = traffic.needles() | {token.encode() for token in people.tokens}
    unpacked(folder, folder.parent / copy)
    return found_in(folder, needles) | found_in(folder.parent / copy, needles)


@pytest.mark.slow
@pytest.mark.requirement("LOG-01", "LOG-02", "LOG-05", "LOG-13", "LOG-14", "LOG-15")
def test_after_a_day_no_byte_names_a_visitor(tmp_path: Path) -> None:
    """Proxy, server, site log, sums, parts, ledger, security log, state: nobody is in them."""
    disk, app, traffic = tmp_path / "disk", free_port(), Traffic(visitors=400)
    disk.mkdir()
    site = disk / "site"
    policy = prepared(site)
    (disk / "front").mkdir()
    command = ["uvicorn", "--factory", "tests.live.day:make", "--port", str(app)]
    environment = {"SITE_FOLDER": str(site)}
    with (
        serving(command, disk / "output", environment, port=app),
        proxied(front, disk / "front", app) as live,
    ):
        people = People(live.port)
        for number, hit in enumerate(traffic.hits(HITS)):
            people.visit(hit, number)
        assert answers(live.port)
        assert leaks(disk, traffic, people, "while-open") == {}
    records = records_in(site / "log")
    assert {record["tier"] for record in records} == {"T0", "T1", "T2", "TB"}
    assert len([record for record in records if "event" not in record]) >= HITS * 0.9
    assert sums_in(site / "log", "event")["pricing"] > 0
    assert len(list(rows_in(site / "security", "day=*/*.jsonl"))) > HITS // 50
    assert main(["log", "compact", "--policy", str(policy)]) == 0
    assert main(["log", "verify", "--policy", str(policy)]) == 0
    assert list((site / "log").rglob("part-*"))
    assert leaks(disk, traffic, people, "compacted") == {}


def test_the_grep_finds_what_is_there(tmp_path: Path) -> None:
    """An ordinary access log is full of people; so the search would find them in ours."""
    traffic = Traffic(visitors=50)
    hits = list(traffic.hits(60))
    (tmp_path / "access.log").write_text("\n".join(hit.line for hit in hits))
    (found,) = found_in(tmp_path, traffic.needles()).values()
    for hit in hits:
        assert hit.visitor.address.encode() in found
    assert len(found & {text.encode() for text in traffic.planted}) > len(traffic.planted) // 2
