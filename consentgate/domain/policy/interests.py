"""Owns declared signs of interest in a feature: a closed set of names, properties and values.

Nothing a visitor could have written passes: what is not declared is dropped or ``(other)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

OTHER = "(other)"
"""Stands for a value that the policy does not declare."""
MOST_PROPERTIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """A sign of interest that the operator declares, such as ``export_clicked``."""

    name: str
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Property to the values it may have; at most three properties."""

    def kept(self, given: Mapping[str, object]) -> dict[str, str]:
        """The declared properties among those given, each with a declared value or ``(other)``.

        Args:
            given: anything at all; true and false are ``true`` and ``false``.
        """
        found: dict[str, str] = {}
        for name, values in self.properties.items():
            if name in given:
                text = _text(given[name])
                found[name] = text if text in values else OTHER
        return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
