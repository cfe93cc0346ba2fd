"""Owns the security log: short-lived, in a folder of its own, under pseudonyms of one day.

Each process draws a key for each day and keeps it in memory alone; a copy sealed to the security
officer's public key lies beside the lines. The server cannot read yesterday's addresses, and with
the sealed key removed nobody can. Nothing in it occurs in the site log (LOG-05).

::

    sealed/<day>-<host>-<pid>-<start>.key     the day's key of one process, for the officer
    day=<day>/<host>-<pid>-<start>.jsonl      its lines
    audit.jsonl                               who had what revealed, kept
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consentgate.log.security.pseudonyms import DayKey
from consentgate.log.security.sealing import seal
from consentgate.log.writing import after_fork as forks
from consentgate.log.writing.layout import (
    SECRET_FILE_MODE,
    SECRET_FOLDER_MODE,
    Layout,
    segment_name,
    settle,
    write_durably,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

logger = logging.getLogger("consentgate")

SCHEMA = "cgs1"
SEALED = "sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One answer that the security log notes."""

    at: int
    """Seconds since the epoch."""
    address: bytes
    """4 or 16 bytes; becomes the day's pseudonym."""
    agent: str
    """The agent's text; encrypted."""
    looks: str
    """What it looks like: a class of device, or a machine's listed name."""
    method: str
    path: str
    """Scrubbed."""
    status: int
    reason: str


class SecurityFile:
    """Writes incidents; the keys are its own, and forgotten when their day is over."""

    def __init__(self, directory: str | Path, officer: X25519PublicKey, *, days: int) -> None:
        """Remember where and for whom; nothing is drawn or opened before the first incident.

        Args:
            directory: of the security log alone.
            officer: public key of who may have pseudonyms lifted.
            days: how many days are kept, today counted.
        """
        self.root = Path(directory)
        self.lost = 0
        """How many incidents could not be written."""
        self._officer = officer
        self._days = days
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._key: DayKey | None = None
        self._day = ""
        self._handle = -1

    def forget_parent(self) -> None:
        """A forked child draws keys of its own."""
        if self._handle >= 0:
            os.close(self._handle)
        self._begin()

    def write(self, incident: Incident) -> None:
        """Append one line. Never raises: what cannot be written is counted, and said once."""
        try:
            with self._lock:
                key = self._key_of(day_of(incident.at))
                os.write(self._handle, _line(incident, key))
        except (OSError, ValueError) as error:
            self.lost += 1
            if self.lost == 1:
                why = getattr(error, "strerror", None) or type(error).__name__
                logger.error("consentgate: the security log %s is not written: %s", self.root, why)

    def _key_of(self, day: str) -> DayKey:
        if self._key is None or day != self._day:
            self._forget()
            self._open(day)
        if self._key is None:
            raise ValueError("no key")
        return self._key

    def _open(self, day: str) -> None:
        """Draw the day's key, seal a copy durably, and only then begin to write under it."""
        prune(self.root, days=self._days, today=day)
        folder = self.root / f"day={day}"
        for one in (self.root, self.root / SEALED, folder):
            one.mkdir(mode=SECRET_FOLDER_MODE, parents=True, exist_ok=True)
        key = DayKey()
        name = segment_name(day)
        sealed = self.root / SEALED / f"{name.removesuffix('.jsonl')}.key"
        label = sealed.stem
        write_durably(sealed, seal(key.secret, self._officer, label).encode(), SECRET_FILE_MODE)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(folder / name, flags, SECRET_FILE_MODE)
        header = {"schema": SCHEMA, "day": day, "key": label}
        os.write(handle, json.dumps(header).encode() + b"\n")
        self._handle, self._key, self._day = handle, key, day

    def _forget(self) -> None:
        self._key, self._day = None, ""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def tick(self, now: int) -> None:
        """Forget the key of a day that is over, and remove what is older than allowed."""
        day = day_of(now)
        with self._lock:
            if self._day and self._day != day:
                self._forget()
                prune(self.root, days=self._days, today=day)

    def flush(self) -> None:
        """Nothing waits: each line was written at once."""

    def close(self) -> None:
        """Forget the key and close the file."""
        with self._lock:
            self._forget()


def _line(incident: Incident, key: DayKey) -> bytes:
    row = {
        "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(incident.at)),
        "ip": key.address.encrypt(incident.address),
        "method": incident.method,
        "path": incident.path,
        "status": incident.status,
        "reason": incident.reason,
        "looks": incident.looks,
        "agent": key.hide(incident.agent) if incident.agent else "",
    }
    return json.dumps({name: value for name, value in row.items() if value != ""}).encode() + b"\n"


def day_of(now: int) -> str:
    """``2026-11-24``, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def too_old(root: Path, *, days: int, today: str) -> list[Path]:
    """What is older than allowed, sealed keys first: without them the lines name nobody.

    Args:
        root: folder of the security log.
        days: how many days are kept, today counted.
        today: the date, UTC.
    """
    import datetime as dt

    oldest = (dt.date.fromisoformat(today) - dt.timedelta(days=days - 1)).isoformat()
    keys = sorted((root / SEALED).glob("????-??-??-*.key"))
    found = [path for path in keys if path.name[:10] < oldest]
    return found + [path for day, path in Layout(root).days(root) if day < oldest]


def prune(root: Path, *, days: int, today: str) -> list[Path]:
    """Remove what is older than allowed; gives what was removed.

    Raises:
        OSError: something cannot be removed.
    """
    removed = too_old(root, days=days, today=today)
    for path in removed:
        _remove(path)
    if any(path.parent.name == SEALED for path in removed):
        settle(root / SEALED)
    return removed


def _remove(path: Path) -> None:
    """Remove a file or a day's folder; every worker does so at midnight, and each may be late."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        for file in list(path.iterdir()):
            file.unlink(missing_ok=True)
        path.rmdir()
