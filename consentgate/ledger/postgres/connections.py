"""Owns connections to the server: settings that make commits durable and waits short."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import Connection, conninfo

from consentgate.errors import LedgerUnavailable, SettingError
from consentgate.ledger.forks import in_use, watch
from consentgate.ledger.postgres.schema import migrate

logger = logging.getLogger("consentgate")

STATEMENT_MS = 1_200
"""The longest a statement of the write path runs; others may take MOST_MS."""
MOST_MS = 60_000
_MOST_IDLE = 4
_SETTINGS: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 2_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "application_name": "consentgate",
}
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
)


def name_of(url: str) -> str:
    """What messages call the ledger: without user and options.

    Raises:
        SettingError: it is no such URL, or holds a password.
    """
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error as error:
        raise SettingError(f"[ledger] url: {str(error).strip()}") from error
    if parts.get("password"):
        raise SettingError(
            "[ledger] url: holds a password; policies are no place for secrets: set PGPASSWORD or "
            "PGPASSFILE in the environment, or name a service"
        )
    host, name = parts.get("host", ""), parts.get("dbname", "")
    return f"postgresql://{host or ''}/{name or ''}"


def connect(url: str, name: str, *, timeout_ms: int) -> Connection:
    """Open a connection whose commits are durable.

    Args:
        url: of the database.
        name: for messages.
        timeout_ms: the longest a statement may run.

    Raises:
        psycopg.Error: it cannot be opened.
    """
    given = conninfo.conninfo_to_dict(url)
    settings = {key: value for key, value in _SETTINGS.items() if key not in given}
    connection = psycopg.connect(url, autocommit=True, **settings)
    try:
        connection.execute(_DURABLE)
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(timeout_ms),))
        row = connection.execute("SELECT current_setting('fsync', true)").fetchone()
        if row and row[0] == "off":
            logger.warning("consentgate: %s: fsync is off: a power cut loses choices", name)
    except BaseException:
        connection.close()
        raise
    return connection


def hang_up(connection: Connection) -> None:
    """End whatever a connection waits for, from another thread, without waiting: the server may
    not answer any more, and then no statement can be cancelled."""
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


class Connections:
    """Connections for reading and for what is rare, kept open between two uses."""

    def __init__(self, url: str, name: str) -> None:
        """Remember where; nothing is opened yet."""
        self._url = url
        self._name = name
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        watch(self)

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Every row of a query; none where there are no tables yet.

        Raises:
            LedgerUnavailable: the server does not answer, or refuses.
        """
        with self._one() as connection, connection.cursor(binary=True) as cursor:
            try:
                return cursor.execute(statement.encode(), values).fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, with the tables as this version needs them. Never used within itself.

        Raises:
            LedgerUnavailable: the server does not answer, or refuses; nothing was written.
        """
        with self._one() as connection:
            migrate(connection)
            with connection.transaction():
                yield connection

    @contextlib.contextmanager
    def held(self, statement: str) -> Iterator[bool]:
        """Hold the row that a locking query finds, on a connection of its own, until the block
        ends or the connection does; False where somebody else holds it.

        Raises:
            LedgerUnavailable: the server does not answer, or refuses.
        """
        try:
            connection = connect(self._url, self._name, timeout_ms=MOST_MS)
            migrate(connection)
            connection.autocommit = False
            row = connection.execute(statement.encode()).fetchone()
        except psycopg.Error as error:
            raise LedgerUnavailable(f"{self._name}: {str(error).strip()}") from error
        try:
            yield row is not None
        finally:
            connection.close()

    @contextlib.contextmanager
    def _one(self) -> Iterator[Connection]:
        """Use a connection. Never used within itself.

        Raises:
            LedgerUnavailable: the server does not answer, or refuses.
        """
        try:
            with in_use():
                connection = self._living() or connect(self._url, self._name, timeout_ms=MOST_MS)
                try:
                    yield connection
                except BaseException:
                    connection.close()
                    raise
                self._keep(connection)
        except psycopg.Error as error:
            raise LedgerUnavailable(f"{self._name}: {str(error).strip()}") from error

    def let_go(self) -> None:
        """Close those that nobody uses: before a fork, and at the end."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _living(self) -> Connection | None:
        """One of those kept, if the server has not closed it meanwhile."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
            else:
                return connection

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()
