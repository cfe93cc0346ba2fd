"""Owns the ledger that lives and dies with its process, for tests and try-outs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from consentgate.domain.events import Event, event_of
from consentgate.formats.proof.leaves import has_subject
from consentgate.ledger import NOTICE_START_BYTES, Row
from consentgate.ledger.proof.erasing import erase
from consentgate.ledger.proof.memory import MemoryProof


class MemoryLedger:
    """Keeps canonical bytes in memory; durable for nobody."""

    def __init__(self) -> None:
        self._events: dict[str, bytes] = {}
        self._notices: dict[str, bytes] = {}
        self._meanings: dict[bytes, str] = {}
        self._forgotten = 0
        self.proof = MemoryProof()

    async def append(self, event: Event) -> None:
        """Store an event under its id."""
        self._events.setdefault(event.id, event.canonical())

    def defer(self, event: Event) -> None:
        """Store it at once: memory is never unavailable."""
        self._events.setdefault(event.id, event.canonical())

    def save(self, *, notices: Mapping[str, bytes], meanings: Mapping[bytes, str]) -> None:
        """Keep notices and meanings, those that are not there yet."""
        for name, body in notices.items():
            self._notices.setdefault(name, body)
        for key, table in meanings.items():
            self._meanings.setdefault(key, table)

    def notice(self, name: str) -> bytes | None:
        """Give a notice back."""
        return self._notices.get(name)

    def notices(self) -> Iterator[tuple[str, bytes]]:
        """Their starts, in the order they came."""
        yield from (
            (name, body[:NOTICE_START_BYTES]) for name, body in tuple(self._notices.items())
        )

    def meanings(self) -> Mapping[bytes, str]:
        """Every meaning kept."""
        return dict(self._meanings)

    def events(self) -> Iterator[Event]:
        """Every event in the order it came."""
        return iter([event_of(body) for body in self._events.values()])

    def rows(self, after: int, limit: int) -> list[Row]:
        """The next rows; their numbers count from one."""
        start = max(after - self._forgotten, 0)
        bodies = list(self._events.values())[start : start + limit]
        return [
            _row(number, body) for number, body in enumerate(bodies, start + self._forgotten + 1)
        ]

    def rows_of(self, subject: str) -> list[Row]:
        """The rows of one subject."""
        return [row for row in self.rows(0, len(self._events)) if subject and row[2] == subject]

    def forget(self, before: int) -> None:
        """Remove the first rows."""
        for number, name, _, _ in self.rows(0, len(self._events)):
            if number < before:
                del self._events[name]
                self._forgotten += 1

    def erase(self, subject: str) -> int:
        """Erase a subject."""
        return erase(self.proof, self.rows_of, self._redact, subject)

    def _redact(self, bodies: Mapping[int, bytes]) -> None:
        names = list(self._events)
        for number, body in bodies.items():
            self._events[names[number - self._forgotten - 1]] = body

    def close(self) -> None:
        """Nothing to let go of."""


def _row(number: int, body: bytes) -> Row:
    event = event_of(body)
    return number, event.id, event.subject if has_subject(body) else "", body
