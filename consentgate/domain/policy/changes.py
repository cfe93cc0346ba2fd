"""Owns what became of a policy: which purposes and services mean something else than before.

Never knows who is asked again; that follows from the choices there are.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

from consentgate.domain.policy.fingerprints import facts_of
from consentgate.domain.policy.policy import Policy, Service
from consentgate.domain.policy.purposes import Purpose

Pair = tuple[object, object]
"""Before and after."""


class Kind(enum.StrEnum):
    """What became of one purpose or service."""

    ADDED = "new"
    REMOVED = "removed"
    MEANING = "changed in meaning"
    WORDING = "same meaning"
    """Something is said or kept otherwise that no choice is about: asks nobody (VER-02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one purpose or service."""

    what: str
    """``purpose`` or ``service``."""
    key: str
    kind: Kind
    facts: Mapping[str, Pair] = field(default_factory=lambda: MappingProxyType({}))
    """Facts of its meaning that are others now, with both values."""
    wording: tuple[str, ...] = ()
    """Fields beside its meaning that are others now."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that became of a policy."""

    changes: tuple[Change, ...]
    settings: tuple[str, ...]
    """Dotted names of settings that are others now, such as ``controller.name``; ask nobody."""

    @property
    def are_material(self) -> bool:
        """Whether any purpose or service is new, gone, or means something else."""
        return any(change.kind is not Kind.WORDING for change in self.changes)


def changes_between(old: Policy, new: Policy) -> Changes:
    """Say what of one policy is another in the next."""
    found = [
        *_compared("purpose", old.purpose_by_key, new.purpose_by_key),
        *_compared("service", old.service_by_key, new.service_by_key),
    ]
    return Changes(tuple(found), tuple(_settings(old, new)))


def _compared(
    what: str,
    old: Mapping[str, Purpose] | Mapping[str, Service],
    new: Mapping[str, Purpose] | Mapping[str, Service],
) -> Iterator[Change]:
    for key, subject in new.items():
        before = old.get(key)
        if before is None:
            yield Change(what=what, key=key, kind=Kind.ADDED)
        elif before != subject:
            yield _change(what, key, before, subject)
    for key in old:
        if key not in new:
            yield Change(what=what, key=key, kind=Kind.REMOVED)


def _change(what: str, key: str, old: Purpose | Service, new: Purpose | Service) -> Change:
    then, now = facts_of(old), facts_of(new)
    facts = {name: (then[name], now[name]) for name in now if then[name] != now[name]}
    wording = tuple(
        item.name
        for item in fields(new)
        if getattr(old, item.name) != getattr(new, item.name)
        and not any(name in item.name for name in facts)
    )
    kind = Kind.MEANING if facts else Kind.WORDING
    return Change(what=what, key=key, kind=kind, facts=MappingProxyType(facts), wording=wording)


_GROUPS = ("controller", "site", "regimes", "signals", "lifetimes", "log", "ledger")


def _settings(old: Policy, new: Policy) -> Iterator[str]:
    for group in _GROUPS:
        before, after = getattr(old, group), getattr(new, group)
        for item in fields(after):
            if getattr(before, item.name) != getattr(after, item.name):
                yield f"{group}.{item.name}"
    for name in ("texts", "announces"):
        if getattr(old, name) != getattr(new, name):
            yield name
