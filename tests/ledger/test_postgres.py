"""The ledger in PostgreSQL: many writers, a server that goes away, and what is never lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from consentgate.cli import main
from consentgate.domain.events import State
from consentgate.errors import LedgerUnavailable
from consentgate.ledger.postgres.connections import connect
from consentgate.ledger.postgres.ledger import PostgresLedger
from consentgate.ledger.postgres.schema import STEPS, migrate
from consentgate.ledger.proof.pruning import due, prune
from consentgate.ledger.proof.verifying import verify
from tests.events import grant, refusal
from tests.ledger.proof.made import NOTICE, NOTICE_HASH, NOW_MS, SIGNER, append, events, integrator
from tests.postgres import Postgres, running

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 2.0
WRITER = """
    import asyncio, sys
    from consentgate.ledger.postgres.ledger import PostgresLedger
    from tests.events import grant
    async def all_of_them(ledger):
        for _ in range(int(sys.argv[2])):
            given = [grant() for _ in range(5)]
            await asyncio.gather(*(ledger.append(event) for event in given))
            for event in given:
                print(event.id, flush=True)
    ledger = PostgresLedger(sys.argv[1])
    asyncio.run(all_of_them(ledger))
    ledger.close()
    """


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new()


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[PostgresLedger]:
    opened = PostgresLedger(url, spool=str(tmp_path / "spool"))
    yield opened
    opened.close()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that a test may stop."""
    with running() as server:
        yield server


def writer(url: str, rounds: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(WRITER)
    command = [sys.executable, "-c", code, url, str(rounds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_several_processes_append_and_no_reader_misses_a_row(
    ledger: PostgresLedger, url: str
) -> None:
    """Numbers have no gaps, and whoever reads on behind the last number sees every row once."""
    append(ledger, refusal())
    seen: list[tuple[int, str]] = []
    is_over = threading.Event()

    def follow() -> None:
        while True:
            was_over = is_over.is_set()
            rows = ledger.rows(seen[-1][0] if seen else 0, 7)
            seen.extend(row[:2] for row in rows)
            if was_over and not rows:
                return

    reader = threading.Thread(target=follow)
    reader.start()
    writers = [writer(url, 30) for _ in range(3)]
    told = [line for one in writers for line in (one.communicate(timeout=120)[0]).split()]
    is_over.set()
    reader.join(timeout=60)
    assert len(told) == 450
    assert [number for number, _ in seen] == list(range(1, 452))
    assert set(told) <= {name for _, name in seen}


def test_what_was_acknowledged_survives_a_killed_writer_and_a_crashed_server(
    own_server: Postgres, tmp_path: Path
) -> None:
    """kill -9 in the middle of appending, then a server that has to recover: nothing is lost."""
    url = own_server.new()
    told: list[str] = []
    for wait in (0.2, 0.5):
        process = writer(url, 100_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(wait)
        process.kill()
        text = first + process.communicate(timeout=30)[0]
        told += [line for line in text.split("\n") if len(line) == 32]  # the last may be torn
    own_server.stop(signal.SIGQUIT)
    own_server.start()
    ledger = PostgresLedger(url, spool=str(tmp_path))
    kept = {row[1] for row in ledger.rows(0, 1_000_000)}
    ledger.close()
    assert len(told) > 20
    assert set(told) <= kept


def test_a_server_that_goes_away_delays_nobody_and_loses_nothing(
    own_server: Postgres, tmp_path: Path
) -> None:
    """Grants fail in time, refusals wait in the spool; when it is back, the first choice works."""
    ledger = PostgresLedger(own_server.new(), spool=str(tmp_path / "spool"))
    before, waited, after = grant(), refusal(), grant()
    append(ledger, before)
    own_server.stop()
    started = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        append(ledger, grant())
    assert time.monotonic() - started < MOST_SECONDS
    ledger.defer(waited)
    assert list((tmp_path / "spool").iterdir())
    with pytest.raises(LedgerUnavailable):
        ledger.rows(0, 1)
    own_server.start()
    append(ledger, after)
    assert [event.id for event in ledger.events()] == [before.id, waited.id, after.id]
    ledger.close()


def test_a_restarted_server_costs_no_choice(own_server: Postgres, tmp_path: Path) -> None:
    """A connection that was lost between two choices is opened again, for the choice that finds
    out."""
    ledger = PostgresLedger(own_server.new(), spool=str(tmp_path))
    append(ledger, grant())
    own_server.stop()
    own_server.start()
    append(ledger, grant())
    assert len(ledger.rows(0, 9)) == 2
    ledger.close()


def test_a_frozen_server_delays_nobody(own_server: Postgres, tmp_path: Path) -> None:
    """It answers no more and closes nothing: the wait ends in time, and a grant that was stored
    after all is withdrawn."""
    ledger = PostgresLedger(own_server.new(), spool=str(tmp_path))
    append(ledger, refusal())
    assert own_server.process is not None
    late = grant()
    pid = own_server.process.pid
    backends = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    every = [pid, *map(int, backends)]
    for one in every:
        os.kill(one, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        append(ledger, late)
    assert time.monotonic() - started < MOST_SECONDS
    for one in every:
        os.kill(one, signal.SIGCONT)
    ends = time.monotonic() + 20
    while True:
        try:
            append(ledger, refusal())
            break
        except LedgerUnavailable:
            assert time.monotonic() < ends
    said = [event.state for event in ledger.events() if event.subject == late.subject]
    assert said in ([], [State.GIVEN, State.WITHDRAWN])
    ledger.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consentgate_event SET kind = 'x'",
        "DELETE FROM consentgate_event",
        "TRUNCATE consentgate_event",
        "UPDATE consentgate_notice SET body = ''",
        "DELETE FROM consentgate_notice",
    ],
)
def test_nothing_is_changed_or_removed_by_accident(
    ledger: PostgresLedger, url: str, statement: str
) -> None:
    """The tables refuse it."""
    append(ledger, refusal())
    ledger.save(notices={NOTICE_HASH: NOTICE}, meanings={})
    with (
        psycopg.connect(url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement.encode())


def test_tables_are_made_once_by_whoever_comes_first(url: str) -> None:
    """Eight at the same moment; nobody fails."""

    def make(_: int) -> None:
        with connect(url, "test", timeout_ms=10_000) as connection:
            migrate(connection)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(8)))
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT version FROM consentgate_schema").fetchall()
    assert rows == [(number,) for number in range(1, len(STEPS) + 1)]


def test_an_account_without_the_right_to_create_can_write(
    ledger: PostgresLedger, url: str, tmp_path: Path
) -> None:
    """Once the tables are there, reading, adding and changing rows is enough."""
    append(ledger, refusal())
    name = f"clerk_{time.time_ns()}"
    with psycopg.connect(url, autocommit=True) as connection:
        (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        for statement in (
            f"CREATE ROLE {name} LOGIN",
            f"GRANT USAGE ON SCHEMA {schema} TO {name}",
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {name}",
        ):
            connection.execute(statement.encode())
    clerk = PostgresLedger(url.replace("user=owner", f"user={name}"), spool=str(tmp_path / "s"))
    append(clerk, grant())
    assert integrator(clerk, clerk.proof).run(NOW_MS) == 2
    clerk.close()


def test_a_killed_integrator_lets_the_next_one_in(ledger: PostgresLedger, url: str) -> None:
    """The lock ends with the connection that held it."""
    code = """
        import sys, time
        from consentgate.ledger.postgres.ledger import PostgresLedger
        with PostgresLedger(sys.argv[1]).proof.elected() as is_elected:
            print(is_elected, flush=True)
            time.sleep(60)
        """
    command = [sys.executable, "-c", textwrap.dedent(code), url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with ledger.proof.elected() as is_elected:
            assert not is_elected
        holder.kill()
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        with ledger.proof.elected() as is_elected:
            if is_elected:
                return
        time.sleep(0.05)
    raise AssertionError("nobody can be elected any more")


def proven(ledger: PostgresLedger, count: int) -> None:
    ledger.save(notices={NOTICE_HASH: NOTICE}, meanings={b"abcdef": "{}"})
    append(ledger, *events(count))
    integrator(ledger, ledger.proof).run(NOW_MS)


@pytest.mark.requirement("REC-07")
def test_verify_names_the_row_that_was_changed(
    ledger: PostgresLedger, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One byte of one event, by somebody who owns the database."""
    proven(ledger, 600)
    command = ["ledger", "verify", "--ledger", url, "--key", str(SIGNER.verifier)]
    assert main(command) == 0
    (row,) = ledger.rows(320, 1)
    changed = row[3].replace(b"true", b"null", 1).replace(b'"en"', b'"fr"', 1)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('consentgate.erases', 'UPDATE', false)")
        connection.execute(
            "UPDATE consentgate_event SET body = %s WHERE number = %s", (changed, row[0])
        )
    capsys.readouterr()
    assert main(command) == 1
    assert f"event 320 (number 321, id {row[1]}) was edited" in capsys.readouterr().out


def test_a_pack_is_restored_there_and_verifies(
    ledger: PostgresLedger,
    postgres: Postgres,
    url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exported, restored into an empty schema and into a file; both go on where it ended."""
    proven(ledger, 300)
    pack, key = str(tmp_path / "pack"), ["--key", str(SIGNER.verifier)]
    assert main(["ledger", "export", "--ledger", url, *key, pack]) == 0
    for target in (postgres.new(), f"sqlite:{tmp_path}/back.sqlite3"):
        assert main(["ledger", "restore", pack, "--to", target]) == 0
        assert main(["ledger", "verify", "--ledger", target, *key]) == 0
        assert main(["ledger", "restore", pack, "--to", target]) == 1
    assert "not empty" in capsys.readouterr().err
    again = postgres.new()
    assert main(["ledger", "restore", pack, "--to", again]) == 0
    back = PostgresLedger(again, spool=str(tmp_path / "s"))
    append(back, refusal(notice_hash=NOTICE_HASH))
    assert integrator(back, back.proof).run(NOW_MS) == 1
    assert verify(back, back.proof, keys=[SIGNER.verifier]).findings == []
    back.close()


def test_what_is_over_is_pruned(ledger: PostgresLedger) -> None:
    """Old events go, their hashes stay, and verification agrees."""
    proven(ledger, 100)
    later = NOW_MS + 400 * 86_400_000
    found = due(ledger, ledger.proof, now_ms=later + 10**12, retention_days=1)
    assert found.events == 99
    prune(ledger, ledger.proof, found)
    assert len(ledger.rows(0, 1_000)) == 1
    report = verify(ledger, ledger.proof, keys=[SIGNER.verifier])
    assert (report.findings, report.size, report.pruned) == ([], 100, 99)


def test_a_forked_process_opens_its_own_connections(ledger: PostgresLedger) -> None:
    """Parent and child go on writing after a fork, each over a connection of its own."""
    append(ledger, refusal())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(ledger.append(refusal()))
            code = 0 if len(ledger.rows(0, 9)) == 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    append(ledger, refusal())
    assert len(ledger.rows(0, 9)) == 3


def test_the_driver_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg the message names the extra."""
    from consentgate.errors import SettingError
    from consentgate.ledger.opening import open_ledger

    monkeypatch.setitem(sys.modules, "consentgate.ledger.postgres.ledger", None)
    with pytest.raises(SettingError, match=r"consentgate\[postgresql\]"):
        open_ledger("postgresql:///shop")
