"""Nobody waits longer than two seconds: stuck locks, foreign transactions, slow and full disks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from consentgate.domain.events import Event, Kind, State
from consentgate.errors import LedgerUnavailable
from consentgate.ledger import backlog as waiting
from consentgate.ledger.backlog import Backlog
from consentgate.ledger.sqlite import SqliteLedger
from consentgate.ledger.writer import DurableLedger, Store
from tests.events import grant, refusal

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SECONDS = 2.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(path)
    asyncio.run(opened.append(refusal()))
    yield opened
    opened.close()


@contextlib.contextmanager
def stuck_holder(lock: Path) -> Iterator[None]:
    """A process that holds a lock and was stopped."""
    code = """
        import fcntl, sys, time
        file = open(sys.argv[1], "a")
        fcntl.flock(file, fcntl.LOCK_EX)
        print("held", flush=True)
        time.sleep(60)
        """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(lock)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        yield
    finally:
        holder.kill()
        holder.communicate()


@contextlib.contextmanager
def foreign_transaction(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def both_locks(path: Path) -> Iterator[None]:
    spool = path.with_name(f"{path.name}.spool-lock")
    with stuck_holder(Path(f"{path}.lock")), stuck_holder(spool):
        yield


OBSTACLES = {
    "the lock's holder is stuck": lambda path: stuck_holder(Path(f"{path}.lock")),
    "somebody's exclusive transaction": foreign_transaction,
    "the spool's lock is stuck too": both_locks,
}


def until_kept(ledger: SqliteLedger, event: Event) -> float:
    """Seconds until an event is in the ledger."""
    started = time.monotonic()
    while event.id not in [one.id for one in ledger.events()]:
        assert time.monotonic() - started < 20
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.requirement("SEC-03")
def test_a_choice_is_answered_in_time(ledger: SqliteLedger, path: Path, obstacle: str) -> None:
    """Append gives up and the refusal is kept elsewhere, in two seconds; later it is stored."""
    granted, refused = grant(), refusal()

    async def choose(event: Event) -> None:
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            await ledger.append(event)
        if event is refused:
            await asyncio.to_thread(ledger.defer, event)
        assert time.monotonic() - started < MOST_SECONDS

    async def both() -> None:
        await asyncio.gather(choose(granted), choose(refused))

    with OBSTACLES[obstacle](path):
        asyncio.run(both())
    until_kept(ledger, refused)
    assert granted.id not in [one.id for one in ledger.events()]


def test_saving_notices_does_not_wait_either(ledger: SqliteLedger, path: Path) -> None:
    """Nor does reading wait for a lock that it does not need."""
    with stuck_holder(Path(f"{path}.lock")):
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            ledger.save(notices={"aa" * 32: b"x"}, meanings={})
        assert len(list(ledger.events())) == 1
        assert time.monotonic() - started < MOST_SECONDS


class SlowStore:
    """A store whose commit takes its time, as a disk does that is about to fail."""

    name = "slow"

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.may_end = threading.Event()
        self.fails = False

    def commit(self, events: Sequence[Event]) -> None:
        self.may_end.wait(10)
        self.events += events
        if self.fails and events:
            self.fails = False
            raise OSError("the answer of the commit was lost")

    def kept(self, ids: Sequence[str]) -> set[str]:
        return {event.id for event in self.events} & set(ids)

    def save(self, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def let_go(self) -> None:
        pass


def slow_ledger(folder: Path) -> tuple[SlowStore, DurableLedger]:
    store = SlowStore()

    def parts() -> tuple[Store, Backlog]:
        return store, Backlog(folder, "slow")

    return store, DurableLedger(parts)


@pytest.mark.parametrize("is_lost", [False, True], ids=["too late", "answer lost"])
def test_a_grant_that_was_not_answered_does_not_stand(tmp_path: Path, is_lost: bool) -> None:
    """Its visitor was told that nothing was allowed, and it was committed after all: withdrawn."""
    store, ledger = slow_ledger(tmp_path)
    given, queued = grant(services={"maps": True}), grant()
    store.fails = is_lost
    if is_lost:
        store.may_end.set()

    async def choose() -> None:
        first = asyncio.create_task(ledger.append(given))
        await asyncio.sleep(0.2)
        waits = [first] if is_lost else [first, asyncio.create_task(ledger.append(queued))]
        for failed in await asyncio.gather(*waits, return_exceptions=True):
            assert isinstance(failed, LedgerUnavailable)
        store.may_end.set()
        for _ in range(100):
            if len(store.events) == 2:
                return
            await asyncio.sleep(0.05)

    asyncio.run(choose())
    ledger.close()
    first, ended = store.events
    assert (first, ended.subject) == (given, given.subject)
    assert (ended.kind, ended.state, ended.method) == (Kind.WITHDRAW, State.WITHDRAWN, "undone")
    assert not any({**ended.purposes, **ended.services}.values())


def test_a_full_disk_loses_no_refusal(path: Path) -> None:
    """31 refusals while nothing fits anywhere: all of them are stored when there is room again."""
    code = """
        import asyncio, resource, sys, time
        from consentgate.errors import LedgerUnavailable
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.events import refusal
        ledger = SqliteLedger(sys.argv[1])
        asyncio.run(ledger.append(refusal()))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
        refused = [refusal() for _ in range(31)]
        for event in refused:
            try:
                asyncio.run(ledger.append(event))
            except LedgerUnavailable:
                ledger.defer(event)
            else:
                raise AssertionError("nothing fits")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        for _ in range(100):
            kept = [event.id for event in ledger.events()][1:]
            if kept:
                break
            time.sleep(0.1)
        assert kept == [event.id for event in refused], len(kept)
        """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def other_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as another file system."""
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(waiting, "_other_file_system", lambda folder: other)
    return other


def test_the_spool_lies_elsewhere_where_its_folder_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another file system, in a folder of this user's own that nobody else may enter."""
    other = other_disk(tmp_path, monkeypatch)
    folder = tmp_path / "proof"
    folder.write_text("no folder at all")
    ledger = SqliteLedger(folder / "ledger.sqlite3")
    event = refusal()
    ledger.defer(event)
    (own,) = other.iterdir()
    assert own.stat().st_mode & 0o777 == 0o700
    assert [path for path in own.iterdir() if ".spool." in path.name]
    folder.unlink()
    asyncio.run(ledger.append(refusal()))
    assert event in list(ledger.events())
    assert not [path for path in own.iterdir() if ".spool." in path.name]
    ledger.close()


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_folder_that_others_may_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Where everybody may write, somebody may have made a folder of that name before."""
    other = other_disk(tmp_path, monkeypatch)
    folder = tmp_path / "proof"
    folder.write_text("no folder at all")
    SqliteLedger(folder / "ledger.sqlite3").defer(refusal())
    (own,) = other.iterdir()
    own.chmod(mode)
    for path in own.iterdir():
        path.unlink()
    SqliteLedger(folder / "ledger.sqlite3").defer(refusal())
    assert list(own.iterdir()) == []


def test_the_operator_says_where_the_spool_lies(tmp_path: Path) -> None:
    """`[ledger] spool`: that folder comes first; two ledgers in it are not mixed up."""
    spool = tmp_path / "spool"
    ledgers = [
        SqliteLedger(tmp_path / name / "ledger.sqlite3", spool=str(spool)) for name in ("a", "b")
    ]
    events = [refusal(), refusal()]
    for ledger, event in zip(ledgers, events, strict=True):
        ledger.defer(event)
    assert len([path for path in spool.iterdir() if ".spool." in path.name]) == 2
    for ledger, event in zip(ledgers, events, strict=True):
        asyncio.run(ledger.append(refusal()))
        assert next(ledger.events()) == event
        assert len(list(ledger.events())) == 2
        ledger.close()


def test_memory_for_refusals_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood while nothing can be written does not eat the server's memory."""
    monkeypatch.setattr(waiting, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr(waiting, "_other_file_system", lambda folder: None)
    folder = tmp_path / "proof"
    folder.write_text("no folder at all")
    backlog = Backlog(folder, "ledger")
    for _ in range(3):
        backlog.add(refusal())
    with pytest.raises(LedgerUnavailable, match="wait in memory"):
        backlog.add(refusal())


def test_what_waits_in_memory_goes_to_the_first_place_with_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stops before the ledger is back still keeps it."""
    monkeypatch.setattr(waiting, "_other_file_system", lambda folder: None)
    folder = tmp_path / "proof"
    folder.write_text("no folder at all")
    ledger = SqliteLedger(folder / "ledger.sqlite3")
    event = refusal()
    ledger.defer(event)
    folder.unlink()
    folder.joinpath("ledger.sqlite3").mkdir(parents=True)
    ledger.close()
    assert list(folder.glob("*.spool.*"))
    folder.joinpath("ledger.sqlite3").rmdir()
    asyncio.run(ledger.append(refusal()))
    assert event in list(ledger.events())
    ledger.close()


def test_what_nobody_could_keep_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server stops and nothing can be written anywhere: the log says how many were lost."""
    monkeypatch.setattr(waiting, "_other_file_system", lambda folder: None)
    folder = tmp_path / "proof"
    folder.write_text("no folder at all")
    ledger = SqliteLedger(folder / "ledger.sqlite3")
    ledger.defer(refusal())
    ledger.close()
    assert "1 refusals are recorded nowhere" in caplog.text


def test_a_child_does_not_wait_for_its_parents_threads(tmp_path: Path) -> None:
    """Forked while the parent waits for a lock, a child has deadlines and a backlog of its own."""
    code = """
        import asyncio, os, sys
        from consentgate.errors import LedgerUnavailable
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.ledger.test_deadlines import stuck_holder
        from tests.events import refusal
        from pathlib import Path
        ledger = SqliteLedger(sys.argv[1])
        asyncio.run(ledger.append(refusal()))

        def forked():
            child = os.fork()
            if not child:
                try:
                    SqliteLedger(sys.argv[1] + ".other").defer(refusal())
                    asyncio.run(ledger.append(refusal()))
                except LedgerUnavailable:
                    ledger.defer(refusal())
                    os._exit(0)
                os._exit(1)
            return child

        async def main():
            with stuck_holder(Path(sys.argv[1] + ".lock")):
                waits = [asyncio.create_task(ledger.append(refusal())) for _ in range(3)]
                await asyncio.sleep(0.2)
                child = await asyncio.to_thread(forked)
                for failed in await asyncio.gather(*waits, return_exceptions=True):
                    assert isinstance(failed, LedgerUnavailable), failed
                assert os.waitpid(child, 0)[1] == 0
            await ledger.append(refusal())

        asyncio.run(main())
        assert len(list(ledger.events())) == 3
        ledger.close()
        """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "ledger.sqlite3")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_spool_file_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not fill a disk: the next place takes what comes."""
    from consentgate.ledger import spool as spools

    monkeypatch.setattr(spools, "MOST_FILE_BYTES", 500)
    spool = spools.Spool(path.parent, name=path.name)
    spool.add(b"x" * 300)
    spool.add(b"x" * 300)
    with pytest.raises(LedgerUnavailable, match="large"):
        spool.add(b"x" * 300)
    assert os.path.getsize(spool.files()[0]) < 1_000
