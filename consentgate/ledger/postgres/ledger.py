"""Owns the ledger of a PostgreSQL database as everyone else sees it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psycopg import Connection

from consentgate.domain.events import Event, event_of
from consentgate.ledger import NOTICE_START_BYTES, Row, WholeRow
from consentgate.ledger.backlog import Backlog
from consentgate.ledger.postgres.connections import Connections, name_of
from consentgate.ledger.postgres.proof import PostgresProof
from consentgate.ledger.postgres.store import Server
from consentgate.ledger.proof.erasing import erase
from consentgate.ledger.writer import DurableLedger, Store

SPOOL_FOLDER = Path("var")
"""Where refusals wait for a server that does not answer, unless the policy says where."""
_CHUNK = 1_000
_ROW = "SELECT number, id, subject, body FROM consentgate_event"


class PostgresLedger(DurableLedger):
    """An append-only table that gates on several machines share."""

    def __init__(self, url: str, *, spool: str = "") -> None:
        """Remember the database; it is connected to with the first use.

        Args:
            url: ``postgresql://HOST/DATABASE``, without a password.
            spool: folder for refusals that it cannot take; empty: SPOOL_FOLDER.

        Raises:
            SettingError: the URL is wrong, or holds a password.
        """
        self.name = name_of(url)
        self._url = url
        self._spool = spool
        self._connections = Connections(url, self.name)
        self.proof = PostgresProof(self._connections)
        super().__init__(self._parts)

    def _parts(self) -> tuple[Store, Backlog]:
        tag = hashlib.sha256(self._url.encode()).hexdigest()[:12]
        backlog = Backlog(SPOOL_FOLDER, f"postgresql-{tag}", spool=self._spool)
        return Server(self._url, self.name), backlog

    def notice(self, name: str) -> bytes | None:
        """Give a notice back."""
        rows = self._connections.read("SELECT body FROM consentgate_notice WHERE hash = %s", name)
        return bytes(rows[0][0]) if rows else None

    def notices(self) -> Iterator[tuple[str, bytes]]:
        """Their starts, in the order they came."""
        rows = self._connections.read(
            "SELECT hash, substring(body FROM 1 FOR %s) FROM consentgate_notice ORDER BY at, hash",
            NOTICE_START_BYTES,
        )
        yield from ((str(name), bytes(start)) for name, start in rows)

    def meanings(self) -> Mapping[bytes, str]:
        """Every meaning kept."""
        rows = self._connections.read("SELECT hash, body FROM consentgate_meaning")
        return {bytes(name): str(table) for name, table in rows}

    def events(self) -> Iterator[Event]:
        """Every event, in the order of commit."""
        after = 0
        while rows := self.rows(after, _CHUNK):
            yield from (event_of(row[3]) for row in rows)
            after = rows[-1][0]

    def rows(self, after: int, limit: int) -> list[Row]:
        """The next rows."""
        return self._connections.read(
            f"{_ROW} WHERE number > %s ORDER BY number LIMIT %s", after, limit
        )

    def rows_of(self, subject: str) -> list[Row]:
        """The rows of one subject, in the order of commit."""
        statement = f"{_ROW} WHERE subject = %s AND subject <> '' ORDER BY number"
        return self._connections.read(statement, subject)

    def forget(self, before: int) -> None:
        """Remove the first rows; the guard lets this transaction pass."""
        with self._erasing("DELETE") as connection:
            connection.execute("DELETE FROM consentgate_event WHERE number < %s", (before,))

    def erase(self, subject: str) -> int:
        """Erase a subject."""
        return erase(self.proof, self.rows_of, self._redact, subject)

    def put(self, rows: Sequence[WholeRow]) -> None:
        """Bring back rows of an evidence pack, with the numbers they had."""
        with self._connections.writing() as connection:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO consentgate_event VALUES (%s, %s, %s, %s, %s, %s)", rows
                )
            connection.execute(
                "UPDATE consentgate_ledger SET last = greatest(last, %s)",
                (max((row[0] for row in rows), default=0),),
            )

    def close(self) -> None:
        """Commit what is queued, end the thread and hang up."""
        super().close()
        self._connections.let_go()

    def _redact(self, bodies: Mapping[int, bytes]) -> None:
        with self._erasing("UPDATE") as connection, connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE consentgate_event SET subject = '', body = %s WHERE number = %s",
                [(body, number) for number, body in bodies.items()],
            )

    @contextlib.contextmanager
    def _erasing(self, act: str) -> Iterator[Connection]:
        with self._connections.writing() as connection:
            connection.execute("SELECT set_config('consentgate.erases', %s, true)", (act,))
            yield connection
