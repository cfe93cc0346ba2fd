"""Owns the proof in tables beside the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from consentgate.formats.proof.tiles import Place
from consentgate.ledger.postgres.connections import Connections
from consentgate.ledger.proof import Leaf, Position, Signed

_LEAF = "SELECT leaf, number, id, salt FROM consentgate_leaf"
_AS_LEAF = partial(tuple.__new__, Leaf)
"""Leaf._make without its Python frame: a verification makes millions."""


class PostgresProof:
    """Leaves, tiles and checkpoints in tables."""

    def __init__(self, connections: Connections) -> None:
        """Take the connections to the database."""
        self._connections = connections

    def elected(self) -> AbstractContextManager[bool]:
        """Lock the one row of integrators where nobody on any machine has; a lost connection
        lets it go."""
        return self._connections.held(
            "SELECT one FROM consentgate_integrator FOR UPDATE SKIP LOCKED"
        )

    def position(self) -> Position:
        """How far the tree has come."""
        pruned = self._connections.read("SELECT coalesce(max(leaves), 0) FROM consentgate_pruned")
        last = self._connections.read(f"{_LEAF} ORDER BY leaf DESC LIMIT 1")
        count = int(pruned[0][0]) if pruned else 0
        if not last:
            return Position(count, count, None)
        return Position(last[0][0] + 1, count, Leaf(*last[0]))

    def extend(self, leaves: Sequence[Leaf], tiles: Mapping[Place, bytes]) -> None:
        """Add leaves and the tiles they change in one transaction."""
        with self._connections.writing() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO consentgate_leaf VALUES (%s, %s, %s, %s)", leaves)
            cursor.executemany(
                "INSERT INTO consentgate_tile VALUES (%s, %s, %s) "
                "ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes",
                [(level, number, hashes) for (level, number), hashes in tiles.items()],
            )

    def sign(self, signed: Signed) -> None:
        """Add a checkpoint."""
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT INTO consentgate_checkpoint VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                signed,
            )

    def leaves(self, first: int, limit: int) -> list[Leaf]:
        """The next leaves."""
        rows = self._connections.read(
            f"{_LEAF} WHERE leaf >= %s ORDER BY leaf LIMIT %s", first, limit
        )
        return list(map(_AS_LEAF, rows))

    def leaf(self, event_id: str) -> Leaf | None:
        """The leaf of an event."""
        rows = self._connections.read(f"{_LEAF} WHERE id = %s", event_id)
        return Leaf(*rows[0]) if rows else None

    def tile(self, level: int, number: int) -> bytes:
        """A tile's hashes."""
        return self.tiles(level, number, 1).get(number, b"")

    def tiles(self, level: int, first: int, limit: int) -> dict[int, bytes]:
        """The tiles there are of a level."""
        return dict(
            self._connections.read(
                "SELECT number, hashes FROM consentgate_tile "
                "WHERE level = %s AND number >= %s AND number < %s",
                level,
                first,
                first + limit,
            )
        )

    def checkpoints(self) -> list[Signed]:
        """Every checkpoint."""
        rows = self._connections.read(
            "SELECT size, at_ms, note FROM consentgate_checkpoint ORDER BY size"
        )
        return [Signed(*row) for row in rows]

    def last_checkpoint(self) -> Signed | None:
        """The largest checkpoint."""
        rows = self._connections.read(
            "SELECT size, at_ms, note FROM consentgate_checkpoint ORDER BY size DESC LIMIT 1"
        )
        return Signed(*rows[0]) if rows else None

    def forget_salts(self, event_ids: Sequence[str]) -> None:
        """Erase salts."""
        with self._connections.writing() as connection:
            connection.execute(
                "UPDATE consentgate_leaf SET salt = NULL WHERE id = ANY(%s)", (list(event_ids),)
            )

    def prune(self, before: int) -> None:
        """Forget leaves below an index, their salts with them."""
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM consentgate_leaf WHERE leaf < %s", (before,))
            connection.execute(
                "INSERT INTO consentgate_pruned VALUES (1, %s) "
                "ON CONFLICT (one) DO UPDATE SET leaves = excluded.leaves",
                (before,),
            )
