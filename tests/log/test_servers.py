"""The servers' own logs, which would undo a minimised one: real servers, judged by their output."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from consentgate.log.writing.server_loggers import ACCESS_LOGGERS, ERROR_LOGGERS, leaks, take_over
from tests.live import VISITOR, Live, free_port, serving

PLANTED = (VISITOR, "planted-query", "planted-agent", "planted-cookie", "jane@example.com")


def command(server: str, port: int) -> list[str]:
    """How an operator starts the site, with the access log on."""
    site = "tests.live.site:make"
    return {
        "uvicorn": ["uvicorn", "--factory", site, "--port", str(port)],
        "hypercorn": [
            *("hypercorn", f"{site}()", "--bind", f"127.0.0.1:{port}"),
            *("--access-logfile", "-", "--error-logfile", "-"),
        ],
        "granian": [
            *("granian", "--interface", "asgi", "--factory", site),
            *("--port", str(port), "--access-log"),
        ],
        "gunicorn": [
            *("gunicorn", f"{site}()", "--worker-class", "asgi", "--bind", f"127.0.0.1:{port}"),
            *("--access-logfile", "-", "--error-logfile", "-", "--log-level", "debug"),
        ],
        "gunicorn+uvicorn": [
            *("gunicorn", f"{site}()", "--worker-class", "uvicorn.workers.UvicornWorker"),
            *("--bind", f"127.0.0.1:{port}", "--access-logfile", "-", "--error-logfile", "-"),
        ],
    }[server]


def visited(live: Live) -> None:
    """What a visitor does: pages, a choice, a missing page, WebSockets that open or not."""
    headers = {"user_agent": "planted-agent", "cookie": "session=planted-cookie"}
    for path in ("/", "/user/jane@example.com", "/missing", "/privacy-choices/state"):
        live.ask(f"{path}?mail=jane@example.com&q=planted-query", **headers)
    live.choose("reject", **headers)
    address = f"ws://127.0.0.1:{live.port}/ws?q=planted-query"
    with connect(address, source_address=(VISITOR, 0), user_agent_header="planted-agent") as ws:
        ws.send("hello")
        assert ws.recv(timeout=20) == "hello"
    with pytest.raises(InvalidStatus):
        connect(address.replace("/ws", "/nowhere"), source_address=(VISITOR, 0))


@pytest.fixture(params=["uvicorn", "hypercorn", "granian", "gunicorn", "gunicorn+uvicorn"])
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def run(server: str, mode: str, folder: Path) -> Iterator[Live]:
    port = free_port()
    environment = {"SITE_FOLDER": str(folder), "SITE_ACCESS_LOG": mode}
    with serving(command(server, port), folder / "output", environment, port=port) as live:
        yield live


@pytest.mark.slow
@pytest.mark.requirement("LOG-13", "LOG-01")
@pytest.mark.parametrize("mode", ["mute", "minimise"])
def test_a_server_prints_nothing_of_a_visitor(server: str, mode: str, tmp_path: Path) -> None:
    """Neither access lines nor error lines hold address, query, agent or cookie."""
    for live in run(server, mode, tmp_path):
        visited(live)
    output = (tmp_path / "output").read_text(encoding="utf-8")
    assert [value for value in PLANTED if value in output] == [], output
    assert output, "the server said nothing at all: was it the server?"


@pytest.mark.requirement("LOG-13")
def test_a_start_with_an_untouched_access_log_warns(tmp_path: Path) -> None:
    """`access_log = "leave"`: the warning stands before the first request, and says what to do."""
    for live in run("uvicorn", "leave", tmp_path):
        before = live.output.partition("GET /ready")[0]
    assert '"uvicorn.access" prints addresses' in before
    assert '"uvicorn.error" prints addresses' in before
    assert 'access_log = "mute"' in before


@pytest.mark.requirement("LOG-13")
def test_a_muted_start_does_not_warn(tmp_path: Path) -> None:
    """And it prints no line for a visit; errors are still told."""
    for live in run("uvicorn", "mute", tmp_path):
        visited(live)
        output = live.output
    assert "prints addresses" not in output
    assert "GET /" not in output
    assert "WebSocket" not in output
    assert "Uvicorn running" in output


def test_a_minimised_line_keeps_what_operators_need(tmp_path: Path) -> None:
    """Method, scrubbed path and status; a dash for the address."""
    for live in run("uvicorn", "minimise", tmp_path):
        visited(live)
        output = live.output
    assert '- - "GET /user/{id} HTTP/1.1" 200' in output
    assert '- - "WebSocket /ws" [accepted]' in output
    assert '- - "WebSocket /nowhere" 403' in output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hypercorn", "granian", "gunicorn"])
def test_the_other_servers_minimise_as_well(name: str, tmp_path: Path) -> None:
    """The real server's line, whatever it calls its columns."""
    for live in run(name, "minimise", tmp_path):
        visited(live)
    assert re.search(r'- - "GET /user/\{id\} \S+" 200', (tmp_path / "output").read_text())


@pytest.mark.slow
def test_records_may_go_to_standard_output(tmp_path: Path) -> None:
    """`directory = "-"`: one JSON line a visit among what the server prints, and no folder."""
    port = free_port()
    environment = {"SITE_FOLDER": str(tmp_path), "SITE_LOG": "-"}
    with serving(command("uvicorn", port), tmp_path / "output", environment, port=port) as live:
        visited(live)
    lines = (tmp_path / "output").read_text().splitlines()  # whole once the server has ended
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert {record["tier"] for record in records} == {"T0", "TB"}
    assert len(records) >= 8
    assert not (tmp_path / "log").exists()


@pytest.fixture
def loggers() -> Iterator[None]:
    """Puts the servers' loggers back as they were."""
    names = ("uvicorn.access.extra", *ACCESS_LOGGERS, *ERROR_LOGGERS)
    kept = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).filters[:])
        for name in names
    }
    for name in names:
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).filters[:] = []
    yield
    for name, (handlers, filters) in kept.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).filters[:] = filters


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def handler(lines: list[str]) -> logging.Handler:
    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    return Keep()


def tell(name: str, *arguments: object) -> None:
    target = logging.getLogger(name)
    target.setLevel(logging.DEBUG)
    target.info(*arguments)  # type: ignore[arg-type]


ACCESS_LINE = ('%s - "%s %s HTTP/%s" %d', "192.0.2.7:1", "GET", "/a?b=secret", "1.1", 200)
SOCKET_LINES = [
    ('%s - "WebSocket %s" [accepted]', "192.0.2.7:1", "/ws?b=secret"),
    ('%s - "WebSocket %s" 403', "192.0.2.7:1", "/ws?b=secret"),
    ('%s - "WebSocket %s" %d', "192.0.2.7:1", "/ws?b=secret", 101),
]


@pytest.mark.usefixtures("loggers")
def test_minimised_lines(handler: logging.Handler, lines: list[str]) -> None:
    """Access lines and every form of WebSocket line, rewritten; errors untouched."""
    for name in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
    take_over("minimise")
    tell("uvicorn.access", *ACCESS_LINE)
    for line in SOCKET_LINES:
        tell("uvicorn.error", *line)
    tell("uvicorn.error", "Exception in ASGI application\n")
    assert lines == [
        '- - "GET /a HTTP/1.1" 200',
        '- - "WebSocket /ws" [accepted]',
        '- - "WebSocket /ws" 403',
        '- - "WebSocket /ws" 101',
        "Exception in ASGI application\n",
    ]


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("mode", ["mute", "minimise"])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("uvicorn.access", ("192.0.2.7 did something new",)),
        ("uvicorn.access", ("%s", "192.0.2.7")),
        ("uvicorn.access", ("%(a)s", {"a": "192.0.2.7"})),
        ("uvicorn.error", ("%s WebSocket", "192.0.2.7")),
        ("uvicorn.error", ("%(a)s WebSocket", {"a": "192.0.2.7"})),
        ("hypercorn.access", ("%(h)s %(r)s", {"h": "192.0.2.7", "r": "GET /?q"})),
        ("gunicorn.error", ("%s WebSocket", "192.0.2.7")),
    ],
)
def test_a_line_of_unknown_shape_is_dropped(
    handler: logging.Handler, lines: list[str], name: str, line: tuple[object, ...], mode: str
) -> None:
    """Another version of a server says it differently: nothing is printed rather than too much."""
    logging.getLogger(name).addHandler(handler)
    take_over(mode)
    tell(name, *line)
    assert lines == []


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize(
    ("name", "atoms"),
    [
        ("hypercorn.access", {"h": "192.0.2.7:1", "m": "GET", "U": "/a", "H": "1.1", "s": "200"}),
        ("gunicorn.access", {"h": "192.0.2.7", "m": "GET", "U": "/a", "H": "1.1", "s": 200}),
        (
            "granian.access",
            {"addr": "192.0.2.7", "method": "GET", "path": "/a", "protocol": "1.1", "status": 200},
        ),
    ],
)
def test_tables_are_minimised(
    handler: logging.Handler, lines: list[str], name: str, atoms: dict[str, object]
) -> None:
    """Whatever the operator's format would show of a visitor."""
    logging.getLogger(name).addHandler(handler)
    take_over("minimise")
    everything = " ".join(f"%({key})s" for key in atoms)
    tell(name, everything, {**atoms, "q": "secret", "a": "agent"})
    assert lines == ['- - "GET /a 1.1" 200']


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("mode", ["mute", "minimise"])
def test_who_sent_nonsense_is_not_told(
    handler: logging.Handler, lines: list[str], mode: str
) -> None:
    """gunicorn warns of requests that it cannot read, with the sender's address."""
    logging.getLogger("gunicorn.error").addHandler(handler)
    take_over(mode)
    tell("gunicorn.error", "Invalid request from ip=192.0.2.7: Invalid HTTP header: 'secret'")
    tell("gunicorn.error", "Worker exiting (pid: %s)", 7)
    assert lines == ["Invalid request", "Worker exiting (pid: 7)"]


@pytest.mark.usefixtures("loggers")
def test_dumps_of_connections_are_dropped(handler: logging.Handler, lines: list[str]) -> None:
    """At DEBUG the WebSocket library prints whole requests with their cookies."""
    target = logging.getLogger("uvicorn.error")
    target.addHandler(handler)
    target.setLevel(1)
    take_over("minimise")
    target.debug("> %s: %s", "Cookie", "session=secret")
    target.log(5, "%sHTTP connection made", "192.0.2.7:1 - ")
    assert lines == []


@pytest.mark.usefixtures("loggers")
def test_a_later_policy_replaces_the_filter(handler: logging.Handler, lines: list[str]) -> None:
    """Two gates in one process, or a reload: the last one's wish holds, once."""
    logging.getLogger("uvicorn.access").addHandler(handler)
    for mode in ("minimise", "mute", "minimise", "minimise", "leave"):
        take_over(mode)
    tell("uvicorn.access", *ACCESS_LINE)
    assert lines == ['- - "GET /a HTTP/1.1" 200']
    assert len(logging.getLogger("uvicorn.access").filters) == 1


@pytest.mark.usefixtures("loggers")
def test_a_handler_below_the_access_log_is_named(handler: logging.Handler) -> None:
    """A child logger is not reached by its parent's filter: only a warning helps."""
    take_over("mute")
    logging.getLogger("uvicorn.access.extra").addHandler(handler)
    assert [sentence for sentence in leaks() if "uvicorn.access.extra" in sentence]


@pytest.mark.usefixtures("loggers")
def test_a_handler_of_the_root_is_noticed(
    handler: logging.Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`logging.basicConfig` prints an access log that has no handler of its own."""
    monkeypatch.setitem(sys.modules, "hypercorn", logging)
    root, target = logging.getLogger(), logging.getLogger("hypercorn.access")
    target.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        assert [sentence for sentence in leaks() if '"hypercorn.access"' in sentence]
        take_over("mute")
        assert list(leaks()) == []
    finally:
        root.removeHandler(handler)
