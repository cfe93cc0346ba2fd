"""Owns the policy's ``[rights]``, ``[recipient.*]`` and ``[role.*]`` as the settings they are."""

from __future__ import annotations

from collections.abc import Mapping

from consentgate.domain.policy.access import Recipient, RightsSettings, Role
from consentgate.formats.policy.shape import PolicyTable, RecipientTable, RoleTable


def rights_settings(table: PolicyTable) -> RightsSettings:
    """How requests are kept."""
    return RightsSettings(**dict(table.rights))


def recipients(tables: Mapping[str, RecipientTable]) -> tuple[Recipient, ...]:
    """Who may be given data, in the order of the file."""
    return tuple(
        Recipient(key=key, **{**dict(table), "fields": tuple(table.fields)})
        for key, table in tables.items()
    )


def roles(tables: Mapping[str, RoleTable]) -> tuple[Role, ...]:
    """Who may do what, in the order of the file; the first that fits counts."""
    return tuple(
        Role(key=key, **{name: tuple(value) for name, value in dict(table).items()})
        for key, table in tables.items()
    )
