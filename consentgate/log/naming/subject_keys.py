"""Owns the keys of visitors who agreed to be recognised across days: one file each, to be shredded.

The name of a file is the keyed reference under which the ledger keeps the grant; its key is random
and stands nowhere else. Without it, nobody can say which rows were that visitor's.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from consentgate.log.writing.layout import SECRET_FILE_MODE, SECRET_FOLDER_MODE, settle
from consentgate.memo import remember

_KEY_BYTES = 32
_SHREDDED = b"shredded"
_REFERENCE = re.compile(r"[0-9a-f]{32}")
_MOST_REMEMBERED = 8_192


class Subjects:
    """Keys by reference, and what is made of them."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; it is made with the first key."""
        self.folder = folder
        self._token = remember(_MOST_REMEMBERED)(_token)

    def token(self, reference: str, month: str) -> str:
        """The name of a visitor in one month's rows; empty where the key was shredded.

        A key is made where there is none. It is read each time, so that shredding it ends its use
        in every process at once.

        Args:
            reference: the ledger's subject, 32 hexadecimal digits.
            month: such as ``2026-11``.

        Raises:
            OSError: the key can be neither read nor made.
        """
        if not is_reference(reference):
            return ""
        key = self.key(reference) or self._make(reference)
        return self._token(key, month) if key is not None else ""

    def key(self, reference: str) -> bytes | None:
        """The key, None where there is none (any more)."""
        try:
            content = self._path(reference).read_bytes()
        except FileNotFoundError:
            return None
        return content if len(content) == _KEY_BYTES else None

    def is_shredded(self, reference: str) -> bool:
        """Whether there was a key that was shredded."""
        if self._mark(reference).exists():
            return True
        try:
            return self._path(reference).read_bytes() == _SHREDDED
        except FileNotFoundError:
            return False

    def shred(self, reference: str) -> bool:
        """Overwrite and remove the key: it is never made again; whether there was one.

        The mark that is left is named by a hash, so that no name says whose key it was.

        Raises:
            OSError: it is still there.
        """
        path = self._path(reference)
        had_key = self.key(reference) is not None
        if had_key:
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
        self._replace(self._mark(reference), _SHREDDED)
        if path.exists():
            path.unlink()
            settle(path.parent)
        return had_key

    def move(self, reference: str, target: str) -> None:
        """Let a renewed grant go on with the key of the one before.

        Raises:
            OSError: the files cannot be changed.
        """
        key = self.key(reference)
        if key is not None:
            self._replace(self._path(target), key)
            self._path(reference).unlink()

    def forget_unused(self, before: float) -> Iterator[str]:
        """Delete keys and marks of shredding that were last used before; their references.

        Args:
            before: seconds since the epoch.
        """
        for path in sorted(self.folder.glob("??/*")):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    yield path.name

    def tokens(self, reference: str, months: list[str]) -> list[str]:
        """The names of a visitor in the rows of several months; none without the key."""
        key = self.key(reference)
        return [_token(key, month) for month in months] if key is not None else []

    def _make(self, reference: str) -> bytes | None:
        """Make a key, once, whoever of several processes is first."""
        if self._mark(reference).exists():
            return None
        path = self._path(reference)
        self._prepare(path.parent)
        temporary = self._write(path, secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(temporary, path)
        except FileExistsError:
            if not path.stat().st_size:  # a power loss emptied it
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return self.key(reference)

    def _replace(self, path: Path, content: bytes) -> None:
        self._prepare(path.parent)
        temporary = self._write(path, content)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        settle(path.parent)

    def _prepare(self, folder: Path) -> None:
        """Make a folder of keys; ``parents=True`` would open those above it to others."""
        for one in (self.folder.parent, self.folder, folder):
            one.mkdir(mode=SECRET_FOLDER_MODE, parents=True, exist_ok=True)

    @staticmethod
    def _write(path: Path, content: bytes) -> Path:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(temporary, flags, SECRET_FILE_MODE), "wb") as file:
            file.write(content)
        return temporary

    def _mark(self, reference: str) -> Path:
        """Where it is remembered that a key was shredded."""
        name = hashlib.sha256(b"consentgate.shredded.v1|" + reference.encode()).hexdigest()[:32]
        return self.folder / name[:2] / name

    def _path(self, reference: str) -> Path:
        if not is_reference(reference):
            raise ValueError("a reference has 32 hexadecimal digits")
        return self.folder / reference[:2] / reference


def is_reference(text: str) -> bool:
    """Whether it is a subject of the ledger."""
    return bool(_REFERENCE.fullmatch(text))


def _token(key: bytes, month: str) -> str:
    message = b"consentgate.subject.v1\x00" + month.encode()
    return hmac.digest(key, message, "sha256")[:8].hex()
