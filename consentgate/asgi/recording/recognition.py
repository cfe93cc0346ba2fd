"""Owns the names by which a visitor is recognised: of a day (T1), and of a month (T2).

The address is read here for visitors who granted statistics, and goes no further than the keyed
name. Never knows who granted nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS, month_text
from consentgate.domain.policy.policy import Policy
from consentgate.gates.ended import Ended
from consentgate.gates.records.header_classes import MAX_CHARS
from consentgate.log.keeping.erasure import Names, erase, months_back, rows_with
from consentgate.log.keeping.segment_lines import Row
from consentgate.log.naming.day_key import Ratchet
from consentgate.log.naming.subject_keys import Subjects, is_reference
from consentgate.log.naming.visitor_names import VisitorNames
from consentgate.log.writing.background import TICKER
from consentgate.log.writing.layout import Layout

logger = logging.getLogger("consentgate")

AddressOf = Callable[[Ended], bytes | None]
"""Gives the client's address of a visit, 4 or 16 bytes; None where it cannot be known."""
ReferenceOf = Callable[[str], str]
"""Gives the ledger's subject of a choice's id."""


class Recognition:
    """Names visitors of one site for a day, and for a month where they agreed to it."""

    def __init__(self, policy: Policy, address_of: AddressOf, reference_of: ReferenceOf) -> None:
        """Remember where the keys lie; no file is touched before a visitor is named.

        Without a folder, as on standard output, nobody is, unless ``ratchet_directory`` is set.

        Args:
            policy: its ``[log]`` says where.
            address_of: called for visitors who granted statistics, and for no others.
            reference_of: gives the reference under which a key is kept.
        """
        settings = policy.log
        layout = Layout.of(settings.folder)
        is_longitudinal = settings.is_longitudinal and bool(settings.folder)
        self.purpose = settings.longitudinal_purpose if is_longitudinal else ""
        """The purpose that T2 needs; empty: T2 is off."""
        self.subjects = Subjects(layout.subjects)
        keys = settings.ratchet_directory or (layout.state if settings.folder else "")
        self._day_key = Ratchet(Path(keys)) if keys else None
        self._layout, self._has_folder = layout, bool(settings.folder)
        self._days = settings.event_retention_days
        self._site = policy.controller.name
        self._names_today: VisitorNames | None = None
        self._named_day = -1
        self._address_of = address_of
        self._reference_of = reference_of
        self._is_failing = False

    def visitor(self, visit: Ended, agent: str | None = None, *, waits: bool = True) -> str | None:
        """Name the visitor for today; empty where the address or the key is not to be had.

        Args:
            visit: whose address is read.
            agent: the first 512 characters of its User-Agent, where they were read before.
            waits: whether the disk may be waited for, as once a day it is.

        Returns:
            None where the disk would have to be waited for, and may not.
        """
        day = visit.now // DAY_SECONDS
        names = self._names_today
        if day != self._named_day:
            if not waits and self._day_key is not None and not self._day_key.is_ready(day):
                return None
            names = self._names_of(day)
        address = self._address_of(visit) if names is not None else None
        if names is None or address is None:
            return ""
        agent = visit.request.header(b"user-agent")[:MAX_CHARS] if agent is None else agent
        return names.name(address, agent)

    def _names_of(self, day: int) -> VisitorNames | None:
        """Give the names of a day's visitors; those of the day before are forgotten with it."""
        key = self._day_key.key(day) if self._day_key is not None else None
        if key is None:
            return None
        names = VisitorNames(key, self._site)
        self._names_today, self._named_day = names, day
        return names

    def subject(self, visit: Ended) -> str:
        """Name the visitor for this month; empty where the key was shredded."""
        choice = visit.visitor.choice
        if choice is None or not choice.id:
            return ""
        try:
            return self.subjects.token(self._reference_of(choice.id), month_text(visit.now))
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                logger.error("consentgate: nobody is recognised across days: %s", error)
            return ""

    def rows(self, visit: Ended) -> list[Row]:
        """Find what the site log keeps of who makes this request, as far as anyone can tell.

        Today's rows under the visitor's name (the names of earlier days cannot be made any more),
        and those of a subject. Reads files: call it in a thread.

        Raises:
            LogError: a file cannot be read.
        """
        if not self._has_folder:
            return []
        TICKER.finish()
        return list(rows_with(self._layout, self._names(visit)))

    def erase(self, visit: Ended) -> int:
        """Erase those rows for good, and shred the subject's key; how many there were.

        Works on files: call it in a thread.

        Raises:
            LogError: a file cannot be read or written; called again it goes on.
        """
        if not self._has_folder:
            return 0
        TICKER.finish()
        reference = self._reference(visit)
        names, today = self._names(visit), _date_of(visit)
        return erase(self._layout, names, today, reference=reference).rows

    def rows_under(self, references: Sequence[str], now: int) -> list[Row]:
        """Find the rows that carry the key of a subject of the ledger.

        Those of a day's visitor are not among them: people behind one address with one browser
        share that name, and none of them may read of another.

        Raises:
            LogError: a file cannot be read.
        """
        names = self.names_under(references, now)
        if not names["subject"]:
            return []
        TICKER.finish()
        return list(rows_with(self._layout, names))

    def erase_under(self, references: Sequence[str], names: Names, now: int) -> int:
        """Erase rows for good, and shred the keys of these references; how many rows there were.

        Args:
            references: subjects of the ledger.
            names: as ``names_under`` gave them while the keys were there.
            now: seconds since the epoch.

        Raises:
            LogError: a file cannot be read or written; called again it goes on.
        """
        if not self._has_folder:
            return 0
        TICKER.finish()
        today = dt.datetime.fromtimestamp(now, dt.UTC).date()
        keyed = [one for one in references if is_reference(one) and self.subjects.key(one)]
        if not keyed and not any(names.values()):
            return 0
        return sum(
            erase(self._layout, names, today, reference=reference).rows
            for reference in keyed or [""]
        )

    def names_under(self, references: Sequence[str], now: int) -> Names:
        """The names that rows of these references carry, as long as their keys are there."""
        months = months_back(dt.datetime.fromtimestamp(now, dt.UTC).date(), self._days)
        known = [one for one in references if is_reference(one)] if self._has_folder else []
        return {
            "visitor": [],
            "subject": [name for one in known for name in self.subjects.tokens(one, months)],
        }

    def _names(self, visit: Ended) -> Names:
        visitor, reference = self.visitor(visit), self._reference(visit)
        months = months_back(_date_of(visit), self._days)
        return {
            "visitor": [visitor] if visitor else [],
            "subject": self.subjects.tokens(reference, months) if reference else [],
        }

    def _reference(self, visit: Ended) -> str:
        """Give the reference of a visitor who may have a key; empty: none does."""
        choice = visit.visitor.choice
        if not self.purpose or choice is None or not choice.id:
            return ""
        reference = self._reference_of(choice.id)
        return reference if is_reference(reference) else ""

    def follow(self, before: Choice | None, choice: Choice) -> None:
        """Shred the key of a visitor who withdraws; keep it for one who grants anew.

        Raises:
            OSError: the key is still there.
        """
        if not self.purpose or before is None or not before.id or before.id == choice.id:
            return
        reference = self._reference_of(before.id)
        if choice.id and choice.purposes.get(self.purpose, False):
            self.subjects.move(reference, self._reference_of(choice.id))
        elif self.subjects.key(reference) is not None:
            self.subjects.shred(reference)


def _date_of(visit: Ended) -> dt.date:
    return dt.datetime.fromtimestamp(visit.now, dt.UTC).date()
