"""A ledger's file deleted, replaced or overwritten under a running server: nothing is lost unsaid."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consentgate.errors import LedgerUnavailable
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal

ROOT = Path(__file__).resolve().parent.parent.parent


def of_another_site(path: Path) -> Path:
    """A whole ledger with other events in it, in one file."""
    other = SqliteLedger(path.with_name("other.sqlite3"))
    for _ in range(3):
        asyncio.run(other.append(grant()))
    other.close()
    return other.path


def backup_of(path: Path) -> Path:
    """A copy of the ledger as it was some time ago, made as SQLite says."""
    copy = path.with_name("backup.sqlite3")
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def deletes_all(path: Path, backup: Path) -> None:
    for name in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{name}").unlink(missing_ok=True)


def deletes_the_file(path: Path, backup: Path) -> None:
    path.unlink()


def deletes_the_log(path: Path, backup: Path) -> None:
    Path(f"{path}-wal").unlink()


def deletes_the_folder(path: Path, backup: Path) -> None:
    shutil.rmtree(path.parent)


def moves_away(path: Path, backup: Path) -> None:
    path.rename(path.with_name("gone.sqlite3"))


def replaces_by_backup(path: Path, backup: Path) -> None:
    os.replace(backup, path)


def replaces_by_another(path: Path, backup: Path) -> None:
    os.replace(of_another_site(path), path)


def overwrites_with_backup(path: Path, backup: Path) -> None:
    path.write_bytes(backup.read_bytes())


def overwrites_with_another(path: Path, backup: Path) -> None:
    path.write_bytes(of_another_site(path).read_bytes())


def empties(path: Path, backup: Path) -> None:
    os.truncate(path, 0)


DAMAGE: list[Callable[[Path, Path], None]] = [
    deletes_all,
    deletes_the_file,
    deletes_the_log,
    deletes_the_folder,
    moves_away,
    replaces_by_backup,
    replaces_by_another,
    overwrites_with_backup,
    overwrites_with_another,
    empties,
]


def accepted_for(ledger: SqliteLedger, seconds: float) -> list[str]:
    """Ids of the refusals that were acknowledged, out of one every few milliseconds."""

    async def choose() -> list[str]:
        accepted = []
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            event = refusal()
            with contextlib.suppress(LedgerUnavailable):
                await ledger.append(event)
                accepted.append(event.id)
            await asyncio.sleep(0.01)
        return accepted

    return asyncio.run(choose())


def checked(path: Path) -> set[str]:
    """Every id in a ledger whose file is sound."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute("SELECT id FROM event")}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.requirement("REC-01")
def test_what_is_acknowledged_afterwards_is_there(
    damage: Callable[[Path, Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger is opened anew, says so, and has all that it acknowledged since, and the notices."""
    path = tmp_path / "proof" / "ledger.sqlite3"
    ledger = SqliteLedger(path)
    ledger.save(notices={"aa" * 32: b"shown"}, meanings={b"abcdef": "{}"})
    for _ in range(5):
        asyncio.run(ledger.append(refusal()))
    backup = backup_of(path) if "backup" in damage.__name__ else path
    just_before = refusal()
    asyncio.run(ledger.append(just_before))
    damage(path, backup)
    accepted = accepted_for(ledger, 1.6)
    ledger.close()
    assert len(accepted) > 3
    assert {just_before.id, *accepted} <= checked(path)
    is_older_self = damage is overwrites_with_backup  # its write-ahead log makes it whole again
    assert is_older_self or "it is opened anew" in caplog.text
    again = SqliteLedger(path)
    assert again.notice("aa" * 32) == b"shown"
    assert b"abcdef" in again.meanings()


def test_what_is_no_ledger_is_not_written_to(tmp_path: Path) -> None:
    """Overwritten with anything else, nothing is acknowledged, and the file stays as it was put."""
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path)
    asyncio.run(ledger.append(refusal()))
    garbage = b"no database, whatever its name says. " * 500
    path.write_bytes(garbage)
    assert accepted_for(ledger, 1.3) == []
    ledger.defer(refusal())
    ledger.close()
    assert path.read_bytes() == garbage
    assert list(tmp_path.glob("*.spool.*"))


def test_several_processes_follow_to_the_same_new_file(tmp_path: Path) -> None:
    """The file is deleted, then overwritten, under three of them: all that they say is kept."""
    path = tmp_path / "ledger.sqlite3"
    code = """
        import sys
        from consentgate.ledger.sqlite import SqliteLedger
        from tests.ledger.test_moved_files import accepted_for
        ledger = SqliteLedger(sys.argv[1])
        accepted_for(ledger, 0.3)
        print("ready", flush=True)
        sys.stdin.readline()
        print(*accepted_for(ledger, 2.5), flush=True)
        ledger.close()
        """
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [writer.stdout.readline() for writer in writers if writer.stdout] == ["ready\n"] * 3
    deletes_the_file(path, path)
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    time.sleep(0.5)
    overwrites_with_another(path, path)
    said = {one for writer in writers for one in writer.communicate(timeout=30)[0].split()}
    assert [writer.returncode for writer in writers] == [0] * 3
    assert len(said) > 20
    assert said <= checked(path)


def test_a_killed_closing_is_brought_back(tmp_path: Path) -> None:
    """Killed while the path led elsewhere for a moment: the next one to open puts the file back."""
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path)
    event = refusal()
    asyncio.run(ledger.append(event))
    ledger.close()
    path.rename(tmp_path / "ledger.sqlite3.closing")
    asyncio.run(ledger.append(refusal()))
    assert event.id in checked(path)
    ledger.close()
