"""Owns the place database: an address goes in, a country comes out, the address is kept nowhere.

The file is read through a private copy, made whole and tried before it is used: whoever replaces,
cuts or overwrites the original cannot crash or stall a request (cutting a mapped file kills the
process that reads it). A new original is taken up by a thread beside the requests.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from consentgate.domain.regimes import NOWHERE, Place
from consentgate.errors import LookupFailed
from consentgate.lookup.place_records import place_of_record
from consentgate.memo import Memo

if TYPE_CHECKING:
    from maxminddb.reader import Reader

logger = logging.getLogger("consentgate")

LOOK_EVERY_SECONDS = 10.0
"""How often the original is looked at while requests come in."""
MOST_FOUND = 16_384
_PROBES = ("0.0.0.0", "1.1.1.1", "8.8.8.8", "193.0.6.139", "255.255.255.255")
_PROBES_6 = ("::", "2001:4860:4860::8888", "2a02:d500::", "ffff::")

State = tuple[int, int, int]
"""Size, time of change and inode: another file, or another content."""


class PlaceDatabase:
    """A MaxMind-format database that may be replaced at any time."""

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        look_every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        """Open the database; one that cannot be used is said once, and looked at again later.

        Args:
            path: a file in MaxMind's format (.mmdb) of any vendor.
            clock: seconds, monotonic.
            look_every_seconds: how often the original is looked at.
        """
        self.path = Path(path)
        self.failures = 0
        """How many times the original could not be used, and records not be read."""
        self._clock = clock
        self._every = look_every_seconds
        self._look_at = clock() + look_every_seconds
        self._reader: Reader | None = None
        self._state: State | None = None
        self._hopeless: State | None = None
        self._said: set[str] = set()
        self._key = secrets.token_bytes(32)
        self._found = _nothing_found()
        self._looking = threading.Lock()
        self.look()

    @property
    def is_usable(self) -> bool:
        """Whether there is a database to answer from."""
        return self._reader is not None

    def find(self, address: bytes) -> Place:
        """Where an address is; found ones are remembered under a keyed hash, never as addresses."""
        if self._clock() >= self._look_at:
            self._look_aside()
        key = blake2b(address, digest_size=16, key=self._key).digest()
        return self._found.recall(key, partial(self._read, address))

    def _read(self, address: bytes) -> Place:
        reader = self._reader
        if reader is None:
            return NOWHERE
        try:
            return place_of_record(_get(reader, address))
        except Exception as error:  # a corrupt database raises whatever its bytes lead to
            self.failures += 1
            self._say(f"a record cannot be read: {type(error).__name__}")
            return NOWHERE

    def _look_aside(self) -> None:
        """Look at the original in a thread of its own, one at a time."""
        self._look_at = self._clock() + self._every
        threading.Thread(target=self.look, name="consentgate-places", daemon=True).start()

    def look(self) -> None:
        """Take the original up if it is another one and whole; else go on with what there is."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            state = _state_of(self.path)
            if state not in (self._state, self._hopeless):
                self._take_up(state)
        except LookupFailed as error:
            self.failures += 1
            self._say(str(error))
        finally:
            self._looking.release()

    def _take_up(self, state: State) -> None:
        try:
            reader = _open_copy(self.path, state)
        except _Corrupt:
            self._hopeless = state
            raise
        self._reader = reader
        self._state, self._found, self._said = state, _nothing_found(), set()
        logger.info("consentgate: places come from %s", self.path)

    def _say(self, problem: str) -> None:
        if problem in self._said:
            return
        self._said.add(problem)
        goes_on = "the copy made before" if self._reader else "the strictest rules for everyone"
        logger.error("consentgate: %s: %s; going on with %s", self.path, problem, goes_on)

    def close(self) -> None:
        """Let go of the copy."""
        self._reader = None
        self._found = _nothing_found()


def _nothing_found() -> Memo[bytes, Place]:
    return Memo(None, MOST_FOUND)


class _Corrupt(LookupFailed):
    """Nothing will come of this content; only another one is worth a look."""


def _get(reader: Reader, address: bytes) -> object:
    if len(address) == 4:
        return reader.get(IPv4Address(address))
    return reader.get(IPv6Address(address)) if reader.metadata().ip_version == 6 else None


def _state_of(path: Path) -> State:
    try:
        found = path.stat()
    except OSError as error:
        raise LookupFailed(f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise LookupFailed("cannot be read: it is no regular file")
    return found.st_size, found.st_mtime_ns, found.st_ino


def _open_copy(path: Path, state: State) -> Reader:
    """Copy, check that nobody wrote meanwhile, try, and unlink: the copy lives while it is open.

    Raises:
        LookupFailed: unreadable, changing, cut or corrupt.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix="consentgate-", suffix=".mmdb")
        with os.fdopen(handle, "wb") as copy, path.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
        if _state_of(path) != state:
            raise LookupFailed("is being written; looking again later")
        return _tried(name)
    except OSError as error:
        raise LookupFailed(f"cannot be copied and opened: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _tried(name: str) -> Reader:
    """Open the copy and ask for a few addresses.

    Raises:
        LookupFailed: it cannot answer; a corrupt file raises whatever its bytes lead to.
    """
    import maxminddb

    try:
        # The extension's reader ends the process on some corrupt records; this one raises.
        reader = maxminddb.open_database(name, maxminddb.MODE_MMAP)
        probes = _PROBES + (_PROBES_6 if reader.metadata().ip_version == 6 else ())
        for probe in probes:
            reader.get(ip_address(probe))
    except OSError:
        raise
    except Exception as error:
        told = ascii(str(error).replace(name, "the copy"))[1:200]
        raise _Corrupt(f"is no usable database: {told}") from error
    return reader
