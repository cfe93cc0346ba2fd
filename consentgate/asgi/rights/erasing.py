"""Owns the erasure of one visitor: everything under their key, with a record that it was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from starlette.concurrency import run_in_threadpool

from consentgate.asgi.faults import Faults
from consentgate.asgi.rights.hooks import Hooks, called
from consentgate.domain.rights.requests import Ask, Fate
from consentgate.gates.ended import Ended
from consentgate.ledger import Ledger
from consentgate.log.keeping.erasure import Names
from consentgate.rights.register import Register
from consentgate.rights.tickets import Request


class Rows(Protocol):
    """The rows of the site log that carry the key of a subject."""

    def visitor(self, visit: Ended) -> str | None:
        """The name of a visit's visitor for today; empty or None where there is none."""

    def names_under(self, references: Sequence[str], now: int) -> Names:
        """The names that they carry, as long as the keys are there."""

    def erase_under(self, references: Sequence[str], names: Names, now: int) -> int:
        """Erase them; how many there were."""


VISITOR = "visitor"


class Erased(NamedTuple):
    """What an erasure came to."""

    fate: Fate
    """``answered``: all is done; ``held``: it waits for the end of a hold; ``open``: somebody has
    to finish it."""
    events: int = 0
    visits: int = 0
    request: Request | None = None
    """Its entry in the register; None where none is kept."""


class Eraser:
    """Erases what is held of a visitor in the ledger, in the site log and in the app."""

    def __init__(
        self,
        ledger: Ledger,
        rows: Rows | None,
        register: Register | None,
        hooks: Hooks,
        faults: Faults,
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._register = register
        self._hooks = hooks
        self._faults = faults

    def names_of(self, subjects: Sequence[str], now: int, visit: Ended | None = None) -> Names:
        """What rows are called; ask before a withdrawal shreds the keys that lead to them.

        Args:
            subjects: references of one visitor.
            now: seconds since the epoch.
            visit: the visitor's own, whose rows of today go too; None: somebody else asks.
        """
        if self._rows is None:
            return {}
        names = self._rows.names_under(subjects, now)
        today = self._rows.visitor(visit) if visit is not None else ""
        return {**names, "visitor": [today]} if today else names

    async def erase(
        self, subjects: Sequence[str], names: Names, *, now: int, regime: str, language: str
    ) -> Erased:
        """Erase at a visitor's own wish; what fails leaves an open request, never an error.

        Args:
            subjects: references of one visitor, the newest first.
            names: of the visitor's rows.
            now: seconds since the epoch.
            regime: code of the rules of the visitor's place.
            language: the visitor reads.

        Raises:
            RightsError: the register cannot be written; nothing was erased.
        """
        request = await run_in_threadpool(self._opened, subjects, names, now, regime, language)
        if self._register is not None and await run_in_threadpool(self._register.is_held, subjects):
            return await self._closed(request, Erased(Fate.HELD), now, "a hold keeps it")
        try:
            done = await run_in_threadpool(self.erase_held, subjects, names, now)
            if self._hooks.erase_of is not None:
                for subject in subjects:
                    await called(self._hooks.erase_of, subject)
        except Exception:
            self._faults.failed("erasure", "a visitor's erasure is left open in the register")
            return Erased(Fate.OPEN, request=request)
        return await self._closed(request, done, now, "")

    def erase_held(self, subjects: Sequence[str], names: Names, now: int) -> Erased:
        """Erase in the ledger and in the site log; works on files.

        Raises:
            LedgerUnavailable: the ledger cannot be changed now.
            LogError: the site log cannot be changed now.
        """
        events = sum(self._ledger.erase(one) for one in subjects)
        rows = self._rows
        visits = rows.erase_under(subjects, names, now) if rows is not None else 0
        return Erased(Fate.ANSWERED, events, visits)

    def _opened(
        self, subjects: Sequence[str], names: Names, now: int, regime: str, language: str
    ) -> Request | None:
        if self._register is None:
            return None
        return self._register.open(
            Ask.ERASURE,
            subjects,
            now=now,
            by=VISITOR,
            regime=regime,
            language=language,
            names=names,
        )

    async def _closed(self, request: Request | None, done: Erased, now: int, why: str) -> Erased:
        if request is None or self._register is None:
            return done
        facts = {"events": done.events, "visits": done.visits}
        closed = await run_in_threadpool(
            lambda: self._register.close(  # type: ignore[union-attr]
                request.reference, done.fate, now=now, by=VISITOR, why=why, **facts
            )
        )
        return done._replace(request=closed)
