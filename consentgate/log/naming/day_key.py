"""Owns the day's key: yesterday's is gone, for us too.

Each day's key is made of the one before, one way: ``K[d+1] = HMAC(K[d])``, and only the newest is
on disk. Whoever takes the file can follow visitors from then on, and nobody can go back.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import time
from pathlib import Path

from consentgate.log.counts.counter_file import date_of
from consentgate.log.writing.layout import SECRET_FILE_MODE, SECRET_FOLDER_MODE, held, write_durably

logger = logging.getLogger("consentgate")

FILE_NAME = "ratchet"
_MOST_DAYS = 40_000
_RETRY_SECONDS = 60.0


class Ratchet:
    """The visitor key of a day, the same in every process that shares the file."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; the file is made with the first key that is asked for."""
        self.path = folder / FILE_NAME
        self._day = -1
        self._key: bytes | None = None
        self._retry_at = 0.0
        self._said: set[str] = set()

    def is_ready(self, day: int) -> bool:
        """Whether ``key`` answers from memory: else it waits for the disk, once a day."""
        return day <= self._day or time.monotonic() < self._retry_at

    def key(self, day: int) -> bytes | None:
        """The key of a day number since the epoch.

        Returns:
            None for a day that is over, and where the file cannot be read or written: said once.
        """
        if day == self._day:
            return self._key
        if day < self._day or time.monotonic() < self._retry_at:
            return None
        try:
            chain = self._advance(day)
        except (OSError, ValueError) as error:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._say(f"{getattr(error, 'strerror', None) or error}")
            return None
        if chain is not None:
            self._key = hmac.digest(chain, b"consentgate.visitor.v1", "sha256")
            self._day = day
        return self._key if chain is not None else None

    def _advance(self, day: int) -> bytes | None:
        """Turn the file's key on to a day and write it; None where the file is further."""
        self.path.parent.mkdir(mode=SECRET_FOLDER_MODE, parents=True, exist_ok=True)
        with held(self.path.with_name(f"{FILE_NAME}.lock")):
            stored, chain = self._read()
            if stored > day:
                self._say(
                    f"its key is of {date_of(stored)}, later than today; no visitors are counted "
                    "until then; if a clock was wrong, delete the file"
                )
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                return None
            if stored == day:
                return chain
            if not 0 <= stored <= day or day - stored > _MOST_DAYS:
                chain = secrets.token_bytes(32)
            else:
                for _ in range(day - stored):
                    chain = hmac.digest(chain, b"consentgate.ratchet.v1", "sha256")
            content = json.dumps({"day": day, "key": chain.hex()}).encode()
            write_durably(self.path, content, SECRET_FILE_MODE)
            return chain

    def _read(self) -> tuple[int, bytes]:
        """Day and key on disk; day -1 where there is none yet."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return -1, b""
        try:
            row = json.loads(content)
            day, chain = int(row["day"]), bytes.fromhex(row["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("is no ratchet; delete it to begin a new one") from error
        if len(chain) != 32:
            raise ValueError("its key has not 32 bytes; delete it to begin a new one")
        return day, chain

    def _say(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            logger.error("consentgate: %s: %s", self.path, problem)
