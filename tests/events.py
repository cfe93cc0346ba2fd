"""Events that tests store: whole, and different in each id."""

from __future__ import annotations

import uuid

from consentgate.domain.events import Event, Kind, State


def refusal(**changes: object) -> Event:
    """A refusal of everything, with an id of its own."""
    facts: dict[str, object] = {
        "id": uuid.uuid4().hex,
        "kind": Kind.REFUSE,
        "state": State.REFUSED,
        "site": "Example Shop",
        "at_ms": 1_790_000_000_000,
        "notice_hash": "ab" * 32,
        "language": "en",
        "policy_version": "2026-11-01",
        "meaning": "0a0b0c0d0e0f",
        "purposes": {"functional": False, "statistics": False, "marketing": False},
        "services": {},
        "method": "reject",
        "source": "banner",
        "signals": (),
        "told": (),
        "regime": "ZZ",
        "model": "opt-in",
        "expires_ms": 1_800_000_000_000,
        "subject": "",
    }
    return Event(**{**facts, **changes})  # type: ignore[arg-type]


def grant(**changes: object) -> Event:
    """A grant of statistics, with a subject of its own."""
    facts: dict[str, object] = {
        "kind": Kind.GRANT,
        "state": State.GIVEN,
        "purposes": {"functional": False, "statistics": True, "marketing": False},
        "method": "save",
        "subject": uuid.uuid4().hex,
    }
    return refusal(**{**facts, **changes})
