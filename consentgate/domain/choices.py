"""Owns the choice: what a visitor said in one act. Never knows how it travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from consentgate.domain.signals import NONE, Signals

_NOTHING: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a visitor said, already checked against today's policy.

    Only what still means what it meant then is in ``purposes`` and ``services``: a purpose or
    service whose meaning changed since is absent, as if never asked (VER-01, VER-09).
    """

    made_at: int
    """Whole seconds since the epoch, UTC, by the server's clock."""
    is_explicit: bool = True
    """False where the visitor said nothing and only a signal is remembered (SIG-07)."""
    purposes: Mapping[str, bool] = field(default_factory=lambda: _NOTHING)
    """Purpose key to what was said; optional purposes only."""
    services: Mapping[str, bool] = field(default_factory=lambda: _NOTHING)
    """Service key to what was said of it alone, where that differs from its purposes."""
    changed: frozenset[str] = frozenset()
    """Services that mean something else now: to be asked again, denied where asking is due."""
    told: Signals = NONE
    """Signals whose conflict with a grant the visitor was shown when granting (SIG-06)."""
    signalled: Signals = NONE
    """Signals seen since: an opt-out that does not lapse with its header (SIG-07)."""
    id: str = ""
    """Random, made by the server for a grant; a refusal carries none."""
    once: frozenset[str] = frozenset()
    """Services granted for this browser session alone, whatever the rest says (COL-24)."""
    once_told: Signals = NONE
    """Like ``told``, for ``once``."""

    @property
    def grants_anything(self) -> bool:
        """Whether anything optional was granted."""
        return any(self.purposes.values()) or any(self.services.values())

    @property
    def is_refusal(self) -> bool:
        """Whether the visitor was heard and granted nothing, then or now."""
        was_heard = self.is_explicit and bool(self.purposes or self.services)
        return was_heard and not self.grants_anything and not self.id

    @property
    def denials(self) -> Choice | None:
        """What is left of it where its grants cannot be believed: what was refused, or signalled.

        A clock that was wrong may cost a permission, never an objection (VER-07).
        """
        purposes = {key: False for key, said in self.purposes.items() if not said}
        services = {key: False for key, said in self.services.items() if not said}
        if not purposes and not services and not self.signalled.is_set:
            return None
        return Choice(
            made_at=self.made_at,
            is_explicit=self.is_explicit and bool(purposes or services),
            purposes=MappingProxyType(purposes),
            services=MappingProxyType(services),
            signalled=self.signalled,
        )

    @cached_property
    def saying(self) -> frozenset[object]:
        """What was said, without who said it and when: equal where the same was said.

        A set of statements, since a set knows its hash after the first time.
        """
        return frozenset(
            (
                ("explicit", self.is_explicit),
                ("refusal", self.is_refusal),
                *(("purpose", key, said) for key, said in self.purposes.items()),
                *(("service", key, said) for key, said in self.services.items()),
                *(("changed", key) for key in self.changed),
                *(("once", key) for key in self.once),
                ("told", self.told),
                ("signalled", self.signalled),
                ("once told", self.once_told),
            )
        )

    def by(self, id: str, made_at: int) -> Choice:
        """The same, said by another visitor at another time; what was said is shared by both.

        Args:
            id: empty exactly where this choice has none, since that tells refusals.
            made_at: whole seconds since the epoch.
        """
        other = object.__new__(Choice)
        other.__dict__.update(self.__dict__, saying=self.saying, id=id, made_at=made_at)
        return other


def intersection(choices: tuple[Choice, ...]) -> Choice:
    """The one choice that grants only what every one of several grants.

    A browser may hold two tokens of one name (different paths or domains): then nothing is
    granted that one of them refuses.
    """
    first = choices[0]
    if len(choices) == 1:
        return first
    return Choice(
        made_at=min(choice.made_at for choice in choices),
        is_explicit=any(choice.is_explicit for choice in choices),
        purposes=_least(tuple(choice.purposes for choice in choices)),
        services=_least(tuple(choice.services for choice in choices)),
        changed=frozenset().union(*(choice.changed for choice in choices)),
        told=Signals(
            all(choice.told.gpc for choice in choices),
            all(choice.told.dnt for choice in choices),
        ),
        signalled=Signals(
            any(choice.signalled.gpc for choice in choices),
            any(choice.signalled.dnt for choice in choices),
        ),
    )


def _least(said: tuple[Mapping[str, bool], ...]) -> Mapping[str, bool]:
    least: dict[str, bool] = {}
    for key in {key for one in said for key in one}:
        values = [one.get(key) for one in said]
        if False in values:
            least[key] = False
        elif None not in values:
            least[key] = True
    return MappingProxyType(least)
