"""Owns the event: one row of the ledger, what was said under which notice.

Holds no address, no user agent and no URL: proof must not be another collection
(EDPB 05/2020, paragraph 106; REC-06).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

SCHEMA = "cg-event-1"


class Kind(enum.StrEnum):
    """What happened."""

    GRANT = "grant"
    CHANGE = "change"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    SIGNAL = "signal"


class State(enum.StrEnum):
    """The state it leaves, in the words of ISO/IEC TS 27560 as the DPV maps it (REC-04)."""

    GIVEN = "ConsentGiven"
    RENEWED = "RenewedConsentGiven"
    REFUSED = "ConsentRefused"
    WITHDRAWN = "ConsentWithdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Who, when, how, what was told, and what was said (REC-01)."""

    id: str
    """UUIDv4 as 32 hexadecimal digits; the same event appended twice is one row."""
    kind: Kind
    state: State
    site: str
    at_ms: int
    """The server's clock, milliseconds since the epoch, UTC."""
    notice_hash: str
    """SHA-256 of the notice that was shown, hexadecimal; empty where none was named."""
    language: str
    policy_version: str
    meaning: str
    """Hash of the meaning of purposes and services, as the token carries it."""
    purposes: Mapping[str, bool]
    """Every optional purpose, refused ones too."""
    services: Mapping[str, bool]
    """What was said of single services."""
    method: str
    """``accept``, ``reject``, ``save``, ``withdraw``, ``dismiss``, ``service``, ``once`` (a service
    for one browser session), ``signal``, or ``undone`` (a grant that was stored too late to be
    answered)."""
    source: str
    """``banner``, ``page``, ``placeholder`` or ``api``."""
    signals: tuple[str, ...]
    """``gpc`` and ``dnt`` as they counted at that moment."""
    told: tuple[str, ...]
    """Signals whose conflict with a grant was shown."""
    regime: str
    model: str
    expires_ms: int
    subject: str
    """Keyed reference of the grant's id; a withdrawal names the grant that it ends. Empty where
    nothing is or was granted."""
    ends: tuple[str, ...] = ()
    """Marks of the earlier grants that end here, hexadecimal: their cookies count no more."""

    def canonical(self) -> bytes:
        """The exact bytes that are stored, and that a proof hashes: sorted keys, no spaces."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row["purposes"] = dict(self.purposes)
        row["services"] = dict(self.services)
        row["ends"] = list(self.ends)
        if not self.ends:
            del row["ends"]
        row["schema"] = SCHEMA
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8")


def event_of(body: bytes) -> Event:
    """Read what ``canonical`` wrote.

    Raises:
        ValueError: other bytes, or another schema.
    """
    try:
        row = json.loads(body)
        if row.pop("schema") != SCHEMA:
            raise ValueError("not an event of this schema")
        row["kind"], row["state"] = Kind(row["kind"]), State(row["state"])
        row["signals"], row["told"] = tuple(row["signals"]), tuple(row["told"])
        row["ends"] = tuple(row.get("ends", ()))
        return Event(**row)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an event: {error}") from error
