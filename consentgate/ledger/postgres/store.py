"""Owns the writer's side: groups of events as one transaction, in one round trip."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import psycopg
from psycopg import Connection

from consentgate.domain.events import Event
from consentgate.ledger.postgres.connections import STATEMENT_MS, connect, hang_up
from consentgate.ledger.postgres.schema import migrate

_T = TypeVar("_T")
_LOCK = "SELECT last FROM consentgate_ledger WHERE one = 1 FOR UPDATE"
_INSERT = """
WITH stored AS (
  INSERT INTO consentgate_event (number, id, at_ms, kind, subject, body)
  SELECT ledger.last + place, id, at_ms, kind, subject, body
  FROM consentgate_ledger AS ledger,
    unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::bytea[])
      WITH ORDINALITY AS given (id, at_ms, kind, subject, body, place)
  ON CONFLICT (id) DO NOTHING
)
UPDATE consentgate_ledger SET last = last + %s
"""
"""Each statement sees what was committed before it began: the lock is taken by one of its own."""


class Server:
    """The connection that the writer's thread keeps open."""

    def __init__(self, url: str, name: str) -> None:
        """Remember where; nothing is opened yet."""
        self.name = name
        self._url = url
        self._connection: Connection | None = None

    def commit(self, events: Sequence[Event]) -> None:
        """Store events as one transaction; what is stored already is left out."""
        once = {event.id: event for event in reversed(events)}
        rows = [
            (event.id, event.at_ms, event.kind.value, event.subject, event.canonical())
            for event in reversed(once.values())
        ]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._do(lambda connection: _insert(connection, columns))

    def kept(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids are stored."""
        statement = "SELECT id FROM consentgate_event WHERE id = ANY(%s)"
        return self._do(
            lambda connection: {row[0] for row in connection.execute(statement, (list(ids),))}
        )

    def save(self, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Store notices and meanings; where nothing is missing, nothing is written."""
        self._do(lambda connection: _save(connection, notices, meanings))

    def interrupt(self) -> None:
        """Hang up: the server may still commit."""
        connection = self._connection
        if connection is not None:
            hang_up(connection)

    def let_go(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _do(self, act: Callable[[Connection], _T]) -> _T:
        """Act; where a connection was lost since its last use, once more with a new one.

        Nothing is stored twice by that: each act stores what is not there yet.
        """
        connection = self._connection
        if connection is not None:
            try:
                return act(connection)
            except psycopg.OperationalError:
                if not connection.broken:
                    raise
                self.let_go()
        self._connection = connect(self._url, self.name, timeout_ms=STATEMENT_MS)
        migrate(self._connection)
        return act(self._connection)


def _insert(connection: Connection, columns: list[list[object]]) -> None:
    with connection.pipeline(), connection.transaction():
        connection.execute(_LOCK)
        connection.execute(_INSERT, [*columns, len(columns[0])])


def _save(
    connection: Connection, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]
) -> None:
    known = {row[0] for row in connection.execute("SELECT hash FROM consentgate_notice")}
    new = [pair for pair in notices.items() if pair[0] not in known]
    meant = {bytes(row[0]) for row in connection.execute("SELECT hash FROM consentgate_meaning")}
    meaning = [pair for pair in meanings.items() if pair[0] not in meant]
    if not new and not meaning:
        return
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO consentgate_notice (hash, body) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            new,
        )
        cursor.executemany(
            "INSERT INTO consentgate_meaning VALUES (%s, %s) ON CONFLICT DO NOTHING", meaning
        )
