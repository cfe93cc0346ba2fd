"""Owns the policy's ``[rights]``, ``[recipient.*]`` and ``[role.*]`` as the settings they are."""

from __future__ import annotations

from typing import TypedDict

from consentgate.domain.policy.access import Recipient, RightsSettings, Role
from consentgate.formats.policy.shape import PolicyTable


class AccessSettings(TypedDict):
    """What of a policy says who may see and be given data."""

    rights: RightsSettings
    recipients: tuple[Recipient, ...]
    roles: tuple[Role, ...]


def access_settings(table: PolicyTable) -> AccessSettings:
    """How requests are kept, who may be given data, and who may do what, in the file's order."""
    return {
        "rights": RightsSettings(**dict(table.rights)),
        "recipients": tuple(
            Recipient(key=key, **{**dict(one), "fields": tuple(one.fields)})
            for key, one in table.recipient.items()
        ),
        "roles": tuple(
            Role(key=key, **{name: tuple(value) for name, value in dict(one).items()})
            for key, one in table.role.items()
        ),
    }
