"""Owns how the officer lifts one pseudonym of the security log: audited first, then opened."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consentgate.errors import LogError, SettingError
from consentgate.log.security.audit import Audit
from consentgate.log.security.file import SCHEMA, SEALED
from consentgate.log.security.pseudonyms import DayKey
from consentgate.log.security.sealing import unseal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


@dataclass(frozen=True, slots=True)
class Revealed:
    """Whom a pseudonym stands for, and what is written of it."""

    address: str
    agents: tuple[str, ...]
    lines: tuple[dict[str, Any], ...]
    audit: str
    """Hash of the audit entry."""


def reveal(
    root: Path, private: X25519PrivateKey, *, day: str, token: str, by: str, reason: str, at: str
) -> Revealed:
    """Lift a pseudonym of one day.

    The audit entry is durable before a seal is opened, so that there is one of every attempt.

    Raises:
        LogError: no line of that day holds it, or the audit trail cannot be written.
        SettingError: not a pseudonym, or the seal does not open with that key.
    """
    wanted = plain_token(token)
    entry = {"at": at, "by": by, "act": "reveal", "day": day, "ip": wanted, "reason": reason}
    if not root.is_dir():
        raise LogError(f"{root}: there is no security log")
    name = Audit(root).add(entry)
    found = [(key, line) for key, line in _lines(root, day) if line.get("ip") == wanted]
    if not found:
        raise LogError(f"{root}: no line of {day} holds {wanted}; audit entry {name[:16]}")
    label = found[0][0]
    key = _opened(root, label, private)
    lines = tuple(line for _, line in found)
    hidden = [str(line["agent"]) for line in lines if "agent" in line]
    try:
        agents = tuple(dict.fromkeys(key.show(text) for text in hidden))
        return Revealed(key.address.decrypt(wanted), agents, lines, name)
    except ValueError as error:
        raise LogError(f"{root}: a line of {day} has been changed: {error}") from error


def plain_token(token: str) -> str:
    """A pseudonym as the log writes it.

    Raises:
        SettingError: not an IPv6 address.
    """
    try:
        packed = socket.inet_pton(socket.AF_INET6, token.strip())
    except (OSError, ValueError) as error:
        raise SettingError(
            f"--ip-token: expected the value of a line's ip, such as 9f4:e6e1::620f, got {token!r}"
        ) from error
    return socket.inet_ntop(socket.AF_INET6, packed)


def _opened(root: Path, label: str, private: X25519PrivateKey) -> DayKey:
    path = root / SEALED / f"{label}.key"
    try:
        sealed = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(
            f"{path}: cannot be read; where it has been removed, nobody can reveal that day"
        ) from error
    return DayKey(unseal(sealed, private, label))


def _lines(root: Path, day: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line of a day with the name of its key; what is no line is passed over."""
    for path in sorted((root / f"day={day}").glob("*.jsonl")):
        label = ""
        for text in path.read_bytes().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if not isinstance(line, dict):
                continue
            if line.get("schema") == SCHEMA:
                label = path.stem if line.get("key") == path.stem else ""
            elif label:
                yield label, line
