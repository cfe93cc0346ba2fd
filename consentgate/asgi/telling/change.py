"""Owns what the app is told of a visitor's choice; never who else is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from starlette.requests import HTTPConnection

from consentgate.domain.decision import Verdict
from consentgate.gates.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a visitor's choice changed: the argument of ``on_change`` and ``on_withdraw``."""

    kind: str
    """What was pressed: ``accept``, ``reject``, ``save``, ``withdraw``, ``service`` …"""
    at: int
    """Whole seconds since the epoch, UTC."""
    given: tuple[str, ...]
    """Purposes that may be used from now on and could not before."""
    taken: tuple[str, ...]
    """Purposes that could be used before and may not from now on."""
    services_given: tuple[str, ...]
    services_taken: tuple[str, ...]
    purposes: Mapping[str, bool]
    """Every purpose, and whether it may be used now."""
    subject: str
    """The ledger's reference of what is granted now; empty where nothing is."""
    ended: tuple[str, ...]
    """The ledger's references of the grants that ended with it."""
    request: HTTPConnection = field(repr=False)
    """The request that brought it, for the app to find its own user by."""

    @property
    def is_withdrawal(self) -> bool:
        """Whether anything was taken back: by an objection under opt-out, too."""
        return bool(self.taken or self.services_taken)


def differences(
    before: Mapping[str, Verdict], after: Mapping[str, Verdict]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys that are granted only afterwards, and those that were only before."""
    given = tuple(key for key in after if after[key].is_granted > before[key].is_granted)
    taken = tuple(key for key in after if after[key].is_granted < before[key].is_granted)
    return given, taken


def change_of(
    kind: str,
    at: int,
    before: Outcome,
    after: Outcome,
    *,
    subject: str,
    ended: tuple[str, ...],
    request: HTTPConnection,
) -> Change:
    """What changed between two outcomes of one visitor."""
    given, taken = differences(before.decision.purposes, after.decision.purposes)
    services = differences(before.decision.services, after.decision.services)
    verdicts = after.decision.purposes.items()
    return Change(
        kind=kind,
        at=at,
        given=given,
        taken=taken,
        services_given=services[0],
        services_taken=services[1],
        purposes=MappingProxyType({key: verdict.is_granted for key, verdict in verdicts}),
        subject=subject,
        ended=ended,
        request=request,
    )
