"""Owns what is held of one visitor, put together from everywhere: the answer to "show me"."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from consentgate.domain.days import day_of
from consentgate.domain.events import Event, event_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.rights.requests import intervals
from consentgate.errors import ProofError
from consentgate.formats.proof.records import moment
from consentgate.ledger import Ledger
from consentgate.ledger.proof.receipts import receipt_of
from consentgate.rights.register import Register

SCHEMA = "consentgate-data-1"
RowsUnder = Callable[[Sequence[str], int], Sequence[Mapping[str, Any]]]
"""Finds the rows of the site log that carry the key of a subject."""


class Sources(NamedTuple):
    """Where data of a visitor may lie."""

    policy: Policy
    ledger: Ledger
    rows_under: RowsUnder | None
    """None: no site log is kept."""
    register: Register | None
    """None: no register is kept."""


def collect(sources: Sources, subjects: Sequence[str], now: int) -> dict[str, Any]:
    """Everything that is held under a visitor's references; reads files: call it in a thread.

    Args:
        sources: where to look.
        subjects: references of one visitor.
        now: seconds since the epoch.

    Raises:
        LedgerUnavailable: the ledger cannot be read now.
        LogError: the site log cannot be read.
        RightsError: the register cannot be read.
    """
    policy, ledger = sources.policy, sources.ledger
    rows = [row for one in subjects for row in ledger.rows_of(one)]
    events = [event_of(row[3]) for row in rows]
    events.sort(key=lambda event: event.at_ms)
    held = sources.rows_under(subjects, now) if sources.rows_under is not None else ()
    receipts = [found for event in events if (found := _receipt(ledger, event, policy))]
    return {
        "schema": SCHEMA,
        "made_at": moment(now * 1000),
        "controller": {"name": policy.controller.name, "contact": policy.controller.contact},
        "subjects": [one for one in subjects if any(row[2] == one for row in rows)],
        "events": [_event(event, policy) for event in events],
        "receipts": receipts,
        "services": _services(policy, events, now),
        "visits": [dict(row) for row in held],
        **_registered(sources.register, subjects),
    }


def _event(event: Event, policy: Policy) -> dict[str, Any]:
    """An event with its times in words and the address of its notice."""
    document = json.loads(event.canonical())
    document["at"] = moment(event.at_ms)
    document["expires"] = moment(event.expires_ms)
    document["notice"] = f"{policy.site.prefix}/notices/{event.notice_hash}"
    if not event.notice_hash:
        del document["notice"]
    return dict(document)


def _receipt(ledger: Ledger, event: Event, policy: Policy) -> Any:
    """The proof of an event, as far as there is one by now."""
    try:
        text = receipt_of(ledger, ledger.proof, event.id, policy=policy)
    except ProofError:
        return None
    return json.loads(text) if text else None


def _services(policy: Policy, events: Sequence[Event], now: int) -> list[dict[str, Any]]:
    """When each optional service was enabled (TPD-09)."""
    return [
        {
            "service": one.service,
            "name": policy.service_by_key[one.service].title,
            "owner": policy.service_by_key[one.service].owner,
            "purposes": list(policy.service_by_key[one.service].purposes),
            "from": moment(one.from_ms),
            "until": moment(one.until_ms) if one.until_ms is not None else None,
        }
        for one in intervals(policy, events, now * 1000)
    ]


def _registered(register: Register | None, subjects: Sequence[str]) -> dict[str, Any]:
    """What the register says of a visitor: disclosures and requests, without who did it."""
    if register is None or not subjects:
        return {"disclosures": [], "requests": [], "held": False}
    barred = {one.reference for one in register.requests() if one.is_barred and one.is_open}
    given = [
        {
            "at": str(day_of(entry["at"])),
            "to": entry["name"],
            "basis": entry["basis"],
            "why": entry["why"],
            "fields": entry["fields"],
        }
        for entry in register.disclosures(subjects)
        if entry.get("request", "") not in barred
    ]
    return {
        "disclosures": given,
        "requests": [
            {"reference": one.reference, "ask": one.ask.value, "state": one.fate.value,
             "received": str(one.received), "due": str(one.due)}
            for one in register.about(subjects)
            if one.reference not in barred
        ],
        "held": register.is_held(subjects, but=barred),
    }  # fmt: skip
