"""A real PostgreSQL that the tests start themselves, in a folder of its own, without a network."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.programs import needed

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
"""Where Debian keeps the server's programs, the newest last."""


@dataclass
class Postgres:
    """A running server."""

    folder: Path
    programs: Path
    account: str
    """The account it runs under: the server refuses to run as root. Empty: this one."""
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self) -> str:
        """Of the database, through the socket of the folder."""
        return f"postgresql:///postgres?host={self.folder}&user=owner"

    def new(self) -> str:
        """The URL of a schema that nobody has used."""
        import psycopg

        name = f"s{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.url()}&options=-csearch_path%3D{name}"

    def run(self, *command: str) -> None:
        """Run one of the server's programs to its end."""
        subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            check=True,
            capture_output=True,
            user=self.account or None,
            cwd=self.folder,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        import psycopg

        log = (self.folder / "log").open("ab")
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder)}
        options = [f"-c{key}={value}" for key, value in settings.items()]
        self.process = subprocess.Popen(
            [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            user=self.account or None,
            cwd=self.folder,
            start_new_session=True,
        )
        log.close()
        ends = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.Error:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < ends
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT disconnects everybody, SIGQUIT leaves everything to recovery."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
            self.process = None


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A new server, gone with all it held when the block ends."""
    path = os.pathsep.join(map(str, reversed(_FOLDERS)))
    programs = Path(shutil.which("initdb", path=path) or needed("initdb")).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    account = ""
    if os.geteuid() == 0:
        account = next(
            one.pw_name for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody")
        )
        shutil.chown(folder, account)
    server = Postgres(folder, programs, account)
    try:
        server.run("initdb", "-D", str(folder / "data"), "-U", "owner", "-A", "trust", "-N")
        server.start()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session."""
    with running() as server:
        yield server
