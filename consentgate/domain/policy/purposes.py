"""Owns the purpose, the unit of consent; never knows who asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NECESSARY = "necessary"
"""Key of the purpose that needs no consent (ePrivacy Directive, article 5(3))."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a visitor reads about a purpose or a service, in one language; empty: as shipped."""

    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why data is used. Texts may change freely; every other field is its meaning."""

    key: str
    """Lower-case ASCII slug, unique in the policy."""
    wording: Wording | None = None
    """The site's own default wording; None takes the shipped text of that key."""
    translations: Mapping[str, Wording] = field(default_factory=lambda: MappingProxyType({}))
    """Language tag to wording, overriding the shipped texts."""
    is_necessary: bool = False
    """Granted always, shown, never toggled."""
    is_sale_or_share: bool = False
    """Sale, sharing or cross-context advertising: what GPC denies (SIG-05)."""
    is_tracking: bool = False
    """What ``DNT: 1`` objects to (SIG-19)."""
    is_barred_for_minors: bool = False
    """Denied to a visitor known to be below the regime's age, whatever was chosen (COL-23)."""
    data: tuple[str, ...] = ()
    """Kinds of data used, in plain words."""
    retention_days: int | None = None
    """How long what is learned is kept; None where nothing is kept."""


SHIPPED: tuple[Purpose, ...] = (
    Purpose(key=NECESSARY, is_necessary=True),
    Purpose(key="functional"),
    Purpose(key="statistics", is_tracking=True),
    Purpose(key="marketing", is_sale_or_share=True, is_tracking=True, is_barred_for_minors=True),
)
"""The purposes every policy starts with; a site overrides them or adds its own."""
