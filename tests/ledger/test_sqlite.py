"""The SQLite ledger as files: append-only, durable, private, shared by processes, never half."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consentgate.domain.events import Event
from consentgate.errors import LedgerUnavailable
from consentgate.ledger.sqlite import SqliteLedger
from consentgate.ledger.writer import MAX_GROUP, MAX_QUEUE
from tests.events import grant, refusal

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(path)
    yield opened
    opened.close()


def append(ledger: SqliteLedger, *events: Event) -> None:
    async def all_of_them() -> None:
        for event in events:
            await asyncio.wait_for(ledger.append(event), 20)

    asyncio.run(all_of_them())


@contextlib.contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other program opens it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def run(program: str, *arguments: str, code: int = 0) -> str:
    """Run a program of its own to its end; its standard output."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran.stdout


EVERY_TABLE = [
    (table, column) for table in ("event", "notice", "meaning") for column in ("body", "rowid")
]


@pytest.mark.parametrize(("table", "column"), EVERY_TABLE)
def test_no_row_is_ever_changed(ledger: SqliteLedger, path: Path, table: str, column: str) -> None:
    """UPDATE raises, in every table of proof."""
    fill(ledger)
    value = "9" if column == "rowid" else column
    with raw(path) as connection, pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute(f"UPDATE {table} SET {column} = {value}")


@pytest.mark.parametrize("table", ["event", "notice", "meaning"])
def test_no_row_is_ever_deleted(ledger: SqliteLedger, path: Path, table: str) -> None:
    """DELETE raises, in every table of proof."""
    fill(ledger)
    with raw(path) as connection, pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO event SELECT seq, id, at_ms, kind, subject, x'00' FROM event",
        "INSERT OR REPLACE INTO event SELECT 77, id, at_ms, kind, subject, x'00' FROM event",
        "INSERT OR REPLACE INTO event SELECT seq, 'other', at_ms, kind, subject, x'00' FROM event",
        "INSERT OR REPLACE INTO notice SELECT hash, x'00' FROM notice",
        "INSERT OR REPLACE INTO meaning SELECT hash, '{}' FROM meaning",
    ],
)
def test_no_row_is_replaced(ledger: SqliteLedger, path: Path, statement: str) -> None:
    """REPLACE deletes without asking a delete trigger; what was there stays all the same."""
    event = fill(ledger)
    with raw(path) as connection, contextlib.suppress(sqlite3.Error):
        connection.execute(statement)
    assert list(ledger.events()) == [event]
    assert ledger.notice("aa" * 32) == b"shown"
    assert ledger.meanings() == {b"abcdef": '{"a":1}'}


def fill(ledger: SqliteLedger) -> Event:
    event = grant()
    append(ledger, event)
    ledger.save(notices={"aa" * 32: b"shown"}, meanings={b"abcdef": '{"a":1}'})
    return event


def test_an_event_is_durable_before_append_returns(ledger: SqliteLedger, path: Path) -> None:
    """At that moment another program reads it, and the write-ahead log is synced at each commit."""

    async def seen_at_once() -> list[tuple[str]]:
        await ledger.append(event)
        with raw(path) as other:
            return other.execute("SELECT id FROM event").fetchall()

    event = refusal()
    assert asyncio.run(seen_at_once()) == [(event.id,)]


def test_every_connection_is_made_durable() -> None:
    """WAL alone loses acknowledged events in a power cut; FULL does not (0 of 150 cuts)."""
    out = run(
        """
        import tempfile, pathlib
        from consentgate.ledger.sqlite import connect
        connection = connect(pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite3")
        for name in ("journal_mode", "synchronous", "secure_delete"):
            print(connection.execute(f"PRAGMA {name}").fetchone()[0])
        """
    )
    assert out.split() == ["wal", "2", "1"]


def commits(path: Path) -> int:
    """Transactions in the write-ahead log: frames that carry a database size (SQLite file format)."""
    data = Path(f"{path}-wal").read_bytes()
    page = struct.unpack_from(">I", data, 8)[0]
    return sum(
        1
        for at in range(32, len(data), 24 + page)
        if data[at + 8 : at + 16] == data[16:24] and struct.unpack_from(">I", data, at + 4)[0]
    )


def test_what_queues_up_is_committed_as_one_group(ledger: SqliteLedger, path: Path) -> None:
    """Two hundred choices at once cost far fewer syncs than two hundred."""

    async def all_at_once() -> None:
        await asyncio.gather(*(ledger.append(refusal()) for _ in range(200)))

    append(ledger, refusal())
    before = commits(path)
    asyncio.run(all_at_once())
    assert 1 <= commits(path) - before <= 50
    assert len(list(ledger.events())) == 201


def test_every_file_is_private_to_its_owner(path: Path) -> None:
    """Mode 0600 for all of them, whatever the umask, the spool too."""
    folder = path.parent / "made"
    run(
        """
        import asyncio, os, sys
        os.umask(0)
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        ledger = SqliteLedger(sys.argv[1])
        ledger.defer(refusal())
        modes = {p.name: oct(p.stat().st_mode & 0o777) for p in ledger.path.parent.iterdir()}
        asyncio.run(ledger.append(refusal()))
        modes |= {p.name: oct(p.stat().st_mode & 0o777) for p in ledger.path.parent.iterdir()}
        assert set(modes.values()) == {"0o600"}, modes
        assert {"ledger.sqlite3", "ledger.sqlite3-wal"} < set(modes), modes
        assert any(".spool." in name for name in modes), modes
        """,
        str(folder / "ledger.sqlite3"),
    )


def test_processes_share_a_ledger_without_loss(ledger: SqliteLedger, path: Path) -> None:
    """Four processes open an empty folder at once and write two hundred events each."""
    code = """
        import asyncio, sys
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        async def main():
            ledger = SqliteLedger(sys.argv[1])
            ledger.save(notices={}, meanings={b"abcdef": "{}"})
            for _ in range(20):
                events = [refusal() for _ in range(10)]
                await asyncio.gather(*(ledger.append(e) for e in events))
                print(*(e.id for e in events))
            ledger.close()
        asyncio.run(main())
        """
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert sorted(" ".join(said).split()) == sorted(event.id for event in ledger.events())
    assert ledger.meanings() == {b"abcdef": "{}"}


def test_forked_workers_write_beside_their_parent(path: Path) -> None:
    """A server that forks after its first write: whoever closes first takes nothing along."""
    run(
        """
        import asyncio, os, sys
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        ledger = SqliteLedger(sys.argv[1])
        asyncio.run(ledger.append(refusal()))
        for number in range(20):
            child = os.fork()
            for _ in range(number % 3 + 1):
                asyncio.run(ledger.append(refusal()))
            ledger.close()
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        kept = len(list(ledger.events()))
        assert kept == 1 + 2 * sum(number % 3 + 1 for number in range(20)), kept
        """,
        str(path),
    )


def test_a_fork_in_the_middle_of_writing_keeps_no_lock(path: Path) -> None:
    """A child forked while the parent writes holds no lock for as long as it lives."""
    run(
        """
        import asyncio, os, signal, sys, time
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        ledger = SqliteLedger(sys.argv[1])

        async def forks_while_writing():
            children = []
            for _ in range(10):
                waiting = [asyncio.create_task(ledger.append(refusal())) for _ in range(20)]
                await asyncio.sleep(0.001)
                child = os.fork()
                if not child:
                    time.sleep(60)
                    os._exit(0)
                children.append(child)
                await asyncio.wait_for(asyncio.gather(*waiting), 10)
                ledger.defer(refusal())
            await asyncio.wait_for(ledger.append(refusal()), 10)
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

        asyncio.run(forks_while_writing())
        assert len(list(ledger.events())) == 211
        """,
        str(path),
    )


@pytest.mark.parametrize("name", ["ledger.sqlite3.lock", "ledger.sqlite3.spool-lock"])
def test_a_lock_is_given_back_even_where_a_child_shares_it(path: Path, name: str) -> None:
    """flock(2): a child forked meanwhile shares the lock; giving it back must not wait for it."""
    run(
        """
        import os, pathlib, signal, sys, time
        from consentgate.ledger.locks import held
        lock = pathlib.Path(sys.argv[1])
        with held(lock):
            child = os.fork()
            if not child:
                time.sleep(60)
                os._exit(0)
        signal.alarm(5)
        with held(lock):
            pass
        os.kill(child, signal.SIGKILL)
        """,
        str(path.with_name(name)),
    )


def test_a_visitor_who_leaves_does_not_take_the_event_along(ledger: SqliteLedger) -> None:
    """The request is cancelled while its event is being written: the event is kept."""

    async def left() -> None:
        task = asyncio.create_task(ledger.append(event))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    event = refusal()
    asyncio.run(left())
    ledger.close()
    assert list(ledger.events()) == [event]


def test_closing_writes_what_is_queued(ledger: SqliteLedger) -> None:
    """A server that stops has kept every choice that it was given."""

    async def stopped() -> None:
        tasks = [asyncio.create_task(ledger.append(refusal())) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(ledger.close)
        await asyncio.gather(*tasks)

    asyncio.run(stopped())
    assert len(list(ledger.events())) == 50


def test_a_flood_is_refused_not_hoarded(ledger: SqliteLedger, path: Path) -> None:
    """While nothing can be written, a bounded number waits; the rest is told so at once."""

    async def flooded() -> list[BaseException | None]:
        with raw(path) as other:
            other.execute("BEGIN IMMEDIATE")
            most = MAX_QUEUE + MAX_GROUP + 100
            tasks = [asyncio.create_task(ledger.append(refusal())) for _ in range(most)]
            await asyncio.sleep(0.2)
            other.execute("ROLLBACK")
        return await asyncio.gather(*tasks, return_exceptions=True)

    append(ledger, refusal())
    results = asyncio.run(flooded())
    refused = [result for result in results if result is not None]
    assert len(refused) >= 100
    assert all(isinstance(result, LedgerUnavailable) for result in refused)
    assert len(list(ledger.events())) == 1 + len(results) - len(refused)


def broken_folder(path: Path) -> None:
    path.parent.joinpath("ledger.sqlite3").mkdir()


def broken_file(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says. " * 100)


def broken_table(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE event (x)")


@pytest.mark.parametrize("breaks", [broken_folder, broken_file, broken_table])
def test_what_cannot_be_written_is_said(ledger: SqliteLedger, path: Path, breaks: object) -> None:
    """A folder in its place, another file, another program's table: LedgerUnavailable, each time."""
    breaks(path)  # type: ignore[operator]
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match=r"ledger\.sqlite3"):
            append(ledger, refusal())
    with pytest.raises(LedgerUnavailable):
        ledger.save(notices={"aa" * 32: b"x"}, meanings={})


def test_the_ledger_recovers_when_it_can_be_written_again(ledger: SqliteLedger, path: Path) -> None:
    """Nothing has to be restarted: the next choice is kept, and so is what had to wait."""
    path.mkdir()
    waited = refusal()
    with pytest.raises(LedgerUnavailable):
        append(ledger, waited)
    ledger.defer(waited)
    path.rmdir()
    later = grant()
    append(ledger, later)
    assert list(ledger.events()) == [waited, later]


def test_a_full_disk_leaves_nothing_half_written(path: Path) -> None:
    """Acknowledged events are whole, refused ones are absent, and it goes on when there is room."""
    run(
        """
        import asyncio, resource, sqlite3, sys
        from consentgate.errors import LedgerUnavailable
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        ledger = SqliteLedger(sys.argv[1])
        asyncio.run(ledger.append(refusal()))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))

        async def fill():
            kept, refused = [], []
            for _ in range(300):
                event = refusal(site="x" * 2_000)
                try:
                    await ledger.append(event)
                    kept.append(event.id)
                except LedgerUnavailable:
                    refused.append(event.id)
            return kept, refused

        kept, refused = asyncio.run(fill())
        assert kept and refused, (len(kept), len(refused))
        found = [event.id for event in SqliteLedger(sys.argv[1]).events()][1:]
        assert found == kept, "acknowledged and stored differ"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        asyncio.run(ledger.append(refusal()))
        assert len(list(ledger.events())) == len(kept) + 2
        with sqlite3.connect(sys.argv[1]) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        """,
        str(path),
    )


def test_a_full_disk_tears_no_deferred_refusal(path: Path) -> None:
    """A record that did not fit is refused whole; those before and after it are kept."""
    run(
        """
        import pathlib, resource, sys
        from consentgate.errors import LedgerUnavailable
        from consentgate.ledger.spool import Spool, read_spool
        path = pathlib.Path(sys.argv[1])
        spool = Spool(path.parent, name=path.name)
        spool.add(b"before")
        (file,) = spool.files()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 100, hard))
        try:
            spool.add(b"torn" * 100)
        except LedgerUnavailable:
            pass
        else:
            raise AssertionError("it did not fit, and nothing was said")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        spool.add(b"after")
        assert read_spool(file) == [b"before", b"after"]
        """,
        str(path),
    )


def spool_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.spool.{os.getpid()}")


def test_a_torn_record_hides_no_later_refusal(ledger: SqliteLedger, path: Path) -> None:
    """A power cut tore the last record; a process of the same number (in a container) goes on."""
    first, torn, later = refusal(), refusal(), refusal()
    SqliteLedger(path).defer(first)
    SqliteLedger(path).defer(torn)
    spool = spool_of(path)
    spool.write_bytes(spool.read_bytes()[:-7])
    ledger.defer(later)
    append(ledger, refusal())
    assert list(ledger.events())[:-1] == [first, later]


@pytest.mark.parametrize("body", [b"not an event", b'{"schema":"cg-event-0"}', b"\xff\xfe", b""])
def test_a_foreign_record_stops_no_choice(ledger: SqliteLedger, path: Path, body: bytes) -> None:
    """A record that no version reads is kept aside, whole; choices go on being written."""
    from consentgate.ledger.spool import Spool

    waited, later = refusal(), refusal()
    spool = Spool(path.parent, name=path.name)
    spool.add(body)
    spool.add(waited.canonical())
    append(ledger, later)
    assert list(ledger.events()) == [waited, later]
    append(ledger, refusal())
    (aside,) = path.parent.glob("*.spool-unread.*")
    assert body in aside.read_bytes()


def test_a_file_name_with_pattern_characters_is_a_name(tmp_path: Path) -> None:
    """`[`, `*` and `?` in a path mean themselves."""
    ledger = SqliteLedger(tmp_path / "shop [1]?*.sqlite3")
    waited, later = refusal(), refusal()
    ledger.defer(waited)
    append(ledger, later)
    assert list(ledger.events()) == [waited, later]
    ledger.close()


def test_deferred_refusals_of_a_dead_process_are_drained(ledger: SqliteLedger, path: Path) -> None:
    """A worker defers and dies; any other worker's next write takes it in, and clears it away."""
    run(
        """
        import os, signal, sys
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        SqliteLedger(sys.argv[1]).defer(refusal(id="ab" * 16))
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        str(path),
        code=-signal.SIGKILL,
    )
    append(ledger, refusal())
    assert next(event.id for event in ledger.events()) == "ab" * 16
    assert list(path.parent.glob("*.spool.*")) == []


def test_draining_twice_stores_once(ledger: SqliteLedger, path: Path) -> None:
    """Killed between the commit and the removal of the spool: the same records come again."""
    event = refusal()
    ledger.defer(event)
    spool = spool_of(path)
    body = spool.read_bytes()
    append(ledger, refusal())
    spool.write_bytes(body)
    append(ledger, refusal())
    assert [kept.id for kept in ledger.events()].count(event.id) == 1


def test_a_retry_after_a_lost_answer_is_one_event(path: Path) -> None:
    """The commit held, the answer did not arrive: the same id again is no second event."""
    event = refusal()
    for _ in range(2):
        again = SqliteLedger(path)
        append(again, replace(event))
        again.close()
    assert list(SqliteLedger(path).events()) == [event]
