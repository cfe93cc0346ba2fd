"""The proxy in front, as docs/site-log.md tells operators to set it up, tried with the real ones."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consentgate.cli import main
from tests.docs import blocks_of
from tests.live import VISITOR, Live, answers, free_port, serving
from tests.programs import needed

ROOT = Path(__file__).resolve().parent.parent.parent
PLANTED = ("jane@example.com", "jane%40example", "planted", VISITOR, "10.99.88.77", "s3cr3t")


def snippet(language: str) -> str:
    """The configuration that the documentation shows."""
    return next(one.text for one in blocks_of("site-log.md") if one.language == language)


def nginx(folder: Path, port: int, app: int) -> list[str]:
    text = snippet("nginx").replace("127.0.0.1:8000", f"127.0.0.1:{app}")
    text = text.replace("/var/log/nginx", str(folder)).replace(
        "listen 80;", f"listen 127.0.0.1:{port};"
    )
    (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/pid;\n{text}", encoding="utf-8")
    first = str(folder / "error.log")
    return [needed("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", first]


def caddy(folder: Path, port: int, app: int) -> list[str]:
    text = snippet("caddy").replace("127.0.0.1:8000", f"127.0.0.1:{app}")
    text = text.replace("/var/log/caddy", str(folder))
    text = text.replace("http://shop.example", f"http://127.0.0.1:{port}")
    text = text.replace("{\n\tlog {", "{\n\tadmin off\n\tlog {", 1)
    (folder / "Caddyfile").write_text(text, encoding="utf-8")
    return [needed("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def proxied(make: Callable[[Path, int, int], list[str]], folder: Path, app: int) -> Iterator[Live]:
    """Run a proxy in front of a port until the block ends."""
    port = free_port()
    output = folder / "output"
    environment = {**os.environ, "TZ": "UTC", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with output.open("wb") as printed:
        process = subprocess.Popen(
            make(folder, port, app), stdout=printed, stderr=printed, env=environment
        )
    try:
        ends = time.monotonic() + 30
        while not answers(port):
            assert process.poll() is None, output.read_text(errors="replace")
            assert time.monotonic() < ends, output.read_text(errors="replace")
            time.sleep(0.05)
        yield Live(port, process, output)
    finally:
        process.terminate()
        process.wait(timeout=20)


def visited(live: Live) -> None:
    """A visitor whose every part is personal; also what the proxy itself answers."""
    headers = {
        "user_agent": "planted-agent",
        "referer": "https://planted.example/?mail=jane@example.com",
        "cookie": "session=s3cr3t",
        "authorization": "Bearer s3cr3t",
        "x_forwarded_for": "10.99.88.77",
    }
    for path in ("/", "/user/jane@example.com", "/missing/planted", "/assets/planted.css"):
        live.ask(f"{path}?mail=jane%40example.com&token=s3cr3t", **headers)
    live.ask("/", method="POST", body=b"planted=s3cr3t" * 20_000, **headers)
    live.choose("reject", **headers)
    live.ask("/" + "planted" * 2_000, **headers)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.requirement("LOG-01", "LOG-02", "LOG-03", "LOG-13")
@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_the_documented_proxy_remembers_nobody(
    proxy: Callable[[Path, int, int], list[str]], tmp_path: Path
) -> None:
    """Nothing that a visitor sent is in any file: of the proxy, the server or the site."""
    front, site = tmp_path / "front", tmp_path / "site"
    front.mkdir()
    site.mkdir()
    app = free_port()
    command = ["uvicorn", "--factory", "tests.live.site:make", "--port", str(app)]
    environment = {"SITE_FOLDER": str(site)}
    with (
        serving(command, site / "output", environment, port=app) as server,
        proxied(proxy, front, app) as live,
    ):
        visited(live)
        server.process.terminate()
        server.process.wait(timeout=20)
        assert live.ask("/?mail=jane@example.com", cookie="session=s3cr3t").status == 502
    files = everything(tmp_path)
    assert files["front/access.log"].count(b"\n") >= 8
    leaks = {
        (name, value)
        for name, content in files.items()
        for value in PLANTED
        if value.encode() in content
    }
    assert leaks == set()


@pytest.mark.slow
def test_the_documented_nginx_log_is_a_site_log(tmp_path: Path) -> None:
    """Its lines are records: hour, method, route, status, size; export reads them."""
    app, log = free_port(), tmp_path / "access.log"
    with proxied(nginx, tmp_path, app) as live:
        for path in ("/", "/products/7?a=b", "/user/jane", "/assets/x.css"):
            assert live.ask(path).status == 502
        live.ask("/", method="BREW")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    found = {(record["method"], record["route"], record["status"]) for record in records}
    assert {("GET", "/products/{id}", 502), ("_OTHER", "/", 502)} <= found
    assert {record["route"] for record in records} == {
        *("/", "/products/{id}", "/assets/{rest}", "(unmatched)")
    }
    output = tmp_path / "out.csv"
    assert main(["log", "export", "--to", "csv", "--output", str(output), str(log)]) == 0
    assert len(output.read_text().splitlines()) == len(records) + 1
