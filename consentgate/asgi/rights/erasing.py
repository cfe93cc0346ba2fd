"""Owns the erasure of one visitor: everything under their key, with a record that it was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from consentgate.asgi.faults import Faults
from consentgate.asgi.rights.hooks import Hooks, called
from consentgate.domain.rights.requests import Ask, Fate
from consentgate.ledger import Ledger
from consentgate.rights.register import Register
from consentgate.rights.tickets import Request

EraseRows = Callable[[Sequence[str], int], int]
"""Erases the rows of the site log that carry the key of a subject; how many there were."""
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
        erase_rows: EraseRows | None,
        register: Register | None,
        hooks: Hooks,
        faults: Faults,
    ) -> None:
        self._ledger = ledger
        self._erase_rows = erase_rows
        self._register = register
        self._hooks = hooks
        self._faults = faults

    async def erase(
        self, subjects: Sequence[str], *, now: int, regime: str, language: str
    ) -> Erased:
        """Erase at a visitor's own wish; what fails leaves an open request, never an error.

        Args:
            subjects: references of one visitor, the newest first.
            now: seconds since the epoch.
            regime: code of the rules of the visitor's place.
            language: the visitor reads.

        Raises:
            RightsError: the register cannot be written; nothing was erased.
        """
        request = await run_in_threadpool(self._opened, subjects, now, regime, language)
        if self._register is not None and await run_in_threadpool(self._register.is_held, subjects):
            return await self._closed(request, Erased(Fate.HELD), now, "a hold keeps it")
        try:
            done = await run_in_threadpool(self.erase_held, subjects, now)
            if self._hooks.erase_of is not None:
                for subject in subjects:
                    await called(self._hooks.erase_of, subject)
        except Exception:
            self._faults.failed("erasure", "a visitor's erasure is left open in the register")
            return Erased(Fate.OPEN, request=request)
        return await self._closed(request, done, now, "")

    def erase_held(self, subjects: Sequence[str], now: int) -> Erased:
        """Erase in the ledger and in the site log; works on files.

        Raises:
            LedgerUnavailable: the ledger cannot be changed now.
            LogError: the site log cannot be changed now.
        """
        events = sum(self._ledger.erase(one) for one in subjects)
        visits = self._erase_rows(subjects, now) if self._erase_rows is not None else 0
        return Erased(Fate.ANSWERED, events, visits)

    def _opened(
        self, subjects: Sequence[str], now: int, regime: str, language: str
    ) -> Request | None:
        if self._register is None:
            return None
        return self._register.open(
            Ask.ERASURE, subjects, now=now, by=VISITOR, regime=regime, language=language
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
