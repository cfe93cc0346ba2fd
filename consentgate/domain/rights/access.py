"""Owns the decision who may see or give out visitors' data: the one place where it falls.

Never knows how somebody proved who they are: a command takes the account of the operating system,
an address of the app the name that the app's own authorisation gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from consentgate.domain.policy.access import Recipient, Role
from consentgate.domain.policy.policy import Policy

PARTS: Mapping[str, str] = {
    "choice": "what the visitor's own cookie says now",
    "events": "every choice, with its time, its notice and what was said",
    "receipts": "the proofs of these choices",
    "services": "which services were enabled, from when until when",
    "visits": "rows of the site log that carry the visitor's key",
    "disclosures": "who was given the data",
    "requests": "what the visitor asked for",
    "app": "what the app itself keeps",
}
"""The parts of a visitor's data; ``visits.route`` is one field of one part."""
PURPOSES: Mapping[str, str] = {
    "request": "to answer what the visitor asked for",
    "demand": "to answer a court or an authority",
    "operation": "to keep the logs and the ledger in order",
}
"""What data may be looked at for, without more being declared."""
EVERYTHING = "*"


class Access(NamedTuple):
    """Whether somebody may do something, and why."""

    is_permitted: bool
    why: str
    """A sentence for whoever is refused, and for the register."""
    role: str = ""
    """The role that permits it; empty where the policy declares none."""
    fields: tuple[str, ...] = ()
    """Parts that may be seen."""


def permit(policy: Policy, *, user: str, act: str, purpose: str) -> Access:
    """Say whether somebody may do something.

    Where the policy declares no role, whoever can read the files may do everything, for the
    purposes there are. As soon as one role is declared, only what a role permits is permitted.

    Args:
        policy: its ``[role.*]`` say who.
        user: whoever asks.
        act: such as ``rights.export``.
        purpose: what for.
    """
    declared = set(PURPOSES).union(*(role.purposes for role in policy.roles))
    if purpose not in declared:
        known = ", ".join(sorted(declared))
        return Access(False, f'purpose "{purpose}" is not declared; expected one of: {known}')
    if not policy.roles:
        return Access(True, "the policy declares no roles", fields=(EVERYTHING,))
    for role in policy.roles:
        if _has(role, user, act, purpose):
            return Access(True, f'role "{role.key}"', role.key, role.fields)
    return Access(False, f'"{user}" has no role that may do {act} for the purpose "{purpose}"')


def _has(role: Role, user: str, act: str, purpose: str) -> bool:
    acts = (EVERYTHING, act, f"{act.partition('.')[0]}.*")
    is_user = user in role.users or EVERYTHING in role.users
    return is_user and purpose in role.purposes and any(one in role.acts for one in acts)


def undeclared(fields: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Which of these parts and fields are not among those that are allowed."""
    return [field for field in fields if not _is_in(field, allowed)]


def _is_in(field: str, allowed: Sequence[str]) -> bool:
    part = field.partition(".")[0]
    return EVERYTHING in allowed or field in allowed or part in allowed


def only(document: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The parts of a visitor's data that are among these fields; what is no part stays.

    Args:
        document: a visitor's data.
        fields: parts, and fields of parts such as ``visits.route``.
    """
    if EVERYTHING in fields:
        return dict(document)
    found = {key: value for key, value in document.items() if key not in PARTS}
    for part in PARTS:
        if part in document and part in fields:
            found[part] = document[part]
        elif part in document:
            names = {one.partition(".")[2] for one in fields if one.startswith(f"{part}.")}
            if names:
                found[part] = _named(document[part], names)
    return found


def _named(value: Any, names: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: one for key, one in value.items() if key in names}
    return [_named(one, names) for one in value] if isinstance(value, list) else value


def given_out(policy: Policy, recipient: str, fields: Sequence[str]) -> tuple[Recipient, str]:
    """The recipient of that key, and why it may not be given these fields; empty: it may.

    Raises:
        KeyError: the policy declares no recipient of that key.
    """
    found = next((one for one in policy.recipients if one.key == recipient), None)
    if found is None:
        raise KeyError(recipient)
    wrong = undeclared(fields, found.fields)
    if wrong:
        return found, f"[recipient.{recipient}] fields: {', '.join(wrong)} is not declared"
    return found, ""
