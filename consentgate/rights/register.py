"""Owns the register: requests with their clocks, holds, and what was given out to whom.

What a request says of a visitor lies in a file of its own while the request is open, and is
shredded when it is closed. The journal beside it names nobody.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consentgate.domain.days import day_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.rights.requests import Ask, Fate, clock_of, due
from consentgate.errors import RightsError
from consentgate.rights.journal import FILE_MODE, Entry, Journal, make_folder
from consentgate.rights.tickets import Request, told

KEY_FILE = "key"
_KEY_BYTES = 32
_OPEN = "open"
NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})


class Register:
    """The register in one folder."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; nothing is made before something is written."""
        self.folder = folder
        self.journal = Journal(folder)
        self._key = b""

    @classmethod
    def of(cls, policy: Policy) -> Register | None:
        """The register that a policy names; None where it names no folder for one."""
        if policy.rights.directory:
            return cls(Path(policy.rights.directory))
        kind, _, path = policy.ledger.url.partition(":")
        if kind == "sqlite" and path:
            return cls(Path(path.removeprefix("//")).parent / "rights")
        return None

    def who(self, subject: str) -> str:
        """How the journal calls a visitor.

        Raises:
            RightsError: the key can be neither read nor made.
        """
        if not self._key:
            self._key = self._read_key()
        return hmac.digest(self._key, subject.encode(), "sha256").hex()[:32]

    def note(self, act: str, *, by: str, now: int, **facts: object) -> None:
        """Add a line: what was done, by whom and when.

        Args:
            act: such as ``disclosed``.
            by: ``visitor``, or the account of whoever did it.
            now: seconds since the epoch.
            facts: no more of a visitor than ``who`` gives.

        Raises:
            RightsError: it cannot be written; nothing may be done then.
        """
        self.journal.add({"at": now, "act": act, "by": by, **facts})

    # Requests ----------------------------------------------------------------------------------

    def open(
        self,
        ask: Ask,
        subjects: Sequence[str],
        *,
        now: int,
        by: str,
        regime: str = "",
        language: str = "en",
        text: str = "",
        names: Mapping[str, Sequence[str]] = NO_NAMES,
        **facts: object,
    ) -> Request:
        """Take a request in; its clock begins to run.

        Args:
            ask: what is asked for.
            subjects: references of whom it is about.
            now: seconds since the epoch.
            by: ``visitor``, or the account of whoever took it in.
            regime: code of the rules of the visitor's place; sets the clock.
            language: for the answer.
            text: what the visitor wrote; kept until the request is closed.
            names: that the visitor's rows carry in the site log, for an erasure later on.
            facts: more that the journal may say.
        """
        reference = f"R-{day_of(now):%Y%m%d}-{secrets.token_hex(4)}"
        who = [self.who(one) for one in subjects]
        self._keep(reference, {"subjects": list(subjects), "text": text, "names": dict(names)})
        self.note(
            "opened",
            by=by,
            now=now,
            request=reference,
            ask=ask.value,
            who=who,
            regime=regime,
            language=language,
            due=due(day_of(now), clock_of(regime)).isoformat(),
            **facts,
        )
        return self.request(reference)

    def close(
        self, reference: str, fate: Fate, *, now: int, by: str, why: str = "", **facts: object
    ) -> Request:
        """Say what became of a request; what it said of the visitor is shredded with that.

        Raises:
            RightsError: there is no such open request.
        """
        found = self.request(reference)
        if not found.is_open:
            raise RightsError(f"{reference}: it was {found.fate.value} on {found.closed}")
        self.note("closed", by=by, now=now, request=reference, fate=fate.value, why=why, **facts)
        if fate is not Fate.HELD:
            self._shred(reference)
        return self.request(reference)

    def extend(self, reference: str, *, now: int, by: str, why: str) -> Request:
        """Take the longer time that the law gives, once, with a reason.

        Raises:
            RightsError: it was extended before, is closed, or its law gives no more time.
        """
        found = self.request(reference)
        clock = clock_of(found.regime)
        longer = due(found.received, clock, is_extended=True)
        if not found.is_open or found.extended:
            raise RightsError(f"{reference}: only an open request is extended, and once")
        if longer == due(found.received, clock):
            raise RightsError(f"{reference}: {clock.name} gives no more time")
        if day_of(now) > due(found.received, clock):
            raise RightsError(f"{reference}: it was due on {found.due}; it is too late for that")
        self.note("extended", by=by, now=now, request=reference, why=why, due=longer.isoformat())
        return self.request(reference)

    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        return told(self.journal.entries())

    def about(self, subjects: Sequence[str]) -> list[Request]:
        """The requests about a visitor, oldest first."""
        found = self.requests()
        names = {self.who(one) for one in subjects} if found else set()
        return [one for one in found if not names.isdisjoint(one.who)]

    def request(self, reference: str) -> Request:
        """One request.

        Raises:
            RightsError: there is none of that reference.
        """
        for found in self.requests():
            if found.reference == reference:
                return found
        raise RightsError(f"{reference}: there is no such request; consentgate rights list")

    def said(self, reference: str) -> Mapping[str, Any]:
        """What an open request says: ``subjects`` and ``text``; empty once it is closed."""
        try:
            found: Mapping[str, Any] = json.loads(self._path(reference).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RightsError(f"{self._path(reference)}: cannot be read") from error
        return found

    # Holds -------------------------------------------------------------------------------------

    def hold(self, subject: str, *, now: int, by: str, why: str, demand: str = "") -> None:
        """Keep a visitor's data from being erased (DSR-08)."""
        who = self.who(subject)
        self.note("held", by=by, now=now, who=[who], why=why, request=demand)

    def release(self, subject: str, *, now: int, by: str, why: str) -> bool:
        """End every hold of a visitor; whether there was one."""
        if not self.is_held([subject]):
            return False
        self.note("released", by=by, now=now, who=[self.who(subject)], why=why)
        return True

    def is_held(self, subjects: Sequence[str], *, but: Collection[str] = ()) -> bool:
        """Whether a hold keeps any of these from being erased.

        Args:
            subjects: references of one visitor.
            but: legal demands whose holds do not count.
        """
        entries = self.journal.entries()
        if not entries:
            return False
        names = {self.who(one) for one in subjects}
        held: set[str] = set()
        for entry in entries:
            if entry["act"] == "held" and entry["request"] not in but:
                held.update(entry["who"])
            elif entry["act"] == "released":
                held.difference_update(entry["who"])
        return not names.isdisjoint(held)

    def is_secretly_held(self, who: Collection[str]) -> bool:
        """Whether a hold of a demand that the visitor may not hear of keeps any of these.

        Args:
            who: as the journal calls the visitor.
        """
        barred = {one.reference for one in self.requests() if one.is_barred}
        return any(
            entry["act"] == "held" and entry["request"] in barred and set(who) & set(entry["who"])
            for entry in self.journal.entries()
        )

    # Disclosures -------------------------------------------------------------------------------

    def disclosures(self, subjects: Sequence[str]) -> list[Entry]:
        """Who was given a visitor's data, oldest first; a disclosure of everybody's counts too."""
        entries = self.journal.entries()
        if not entries:
            return []
        names = {self.who(one) for one in subjects}
        return [
            entry
            for entry in entries
            if entry["act"] == "disclosed"
            and (entry["who"] == ["*"] or not names.isdisjoint(entry["who"]))
        ]

    # Files -------------------------------------------------------------------------------------

    def _keep(self, reference: str, said: Mapping[str, object]) -> None:
        with self._writing(f"{_OPEN}/{reference}"):
            make_folder(self.folder)
            make_folder(self.folder / _OPEN)
            self._write(self._path(reference), json.dumps(said).encode())

    def _shred(self, reference: str) -> None:
        """Overwrite the file of a request before it is removed."""
        path = self._path(reference)
        with self._writing(f"{_OPEN}/{reference}"), contextlib.suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()

    def _path(self, reference: str) -> Path:
        if "/" in reference or reference.startswith("."):
            raise RightsError(f"{reference[:40]!r}: that is no reference")
        return self.folder / _OPEN / f"{reference}.json"

    def _read_key(self) -> bytes:
        path = self.folder / KEY_FILE
        with self._writing(KEY_FILE):
            if not path.exists():
                make_folder(self.folder)
                with contextlib.suppress(FileExistsError):
                    self._write(path, secrets.token_bytes(_KEY_BYTES))
            key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise RightsError(f"{path}: expected {_KEY_BYTES} bytes; restore it from a backup")
        return key

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        """Make a file whole: nobody reads a part of it.

        Raises:
            FileExistsError: another process was faster.
        """
        part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with open(os.open(part, flags, FILE_MODE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)
        finally:
            part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RightsError(f"{self.folder / name}: {error.strerror}") from error
