"""Owns the policy's ``[log]``: what is wrong beyond its shape, and the settings it amounts to."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from types import MappingProxyType

from consentgate.domain.policy.interests import Interest
from consentgate.domain.policy.policy import LogSettings
from consentgate.domain.record import NAMES
from consentgate.formats.policy.shape import EventTable, LogTable

Problem = tuple[str, tuple[str, ...], str, str]
"""Id of the fault, key below ``[log]``, what is wrong, and a word that finds the line."""
_RESERVED_PROPERTIES = ("seen",)


def log_problems(table: LogTable, purposes: Collection[str]) -> Iterator[Problem]:
    """Everything that is wrong with ``[log]``, in the order of its keys.

    Args:
        table: as it stands in the file.
        purposes: keys of all purposes of the policy.
    """
    yield from _of_fields(table)
    yield from _of_events(table)
    if table.longitudinal and table.longitudinal_purpose not in purposes:
        key = table.longitudinal_purpose
        message = (
            f'longitudinal_purpose = "{key}": no such purpose; declare [purpose.{key}] with title '
            "and description"
        )
        yield "CG135", ("longitudinal_purpose",), message, ""
    yield from _of_security(table)


def _of_fields(table: LogTable) -> Iterator[Problem]:
    for name in table.fields:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6)
            meant = f'; did you mean "{close[0]}"?' if close else ""
            message = (
                f'fields: "{name}" is no field of the site log; consentgate log fields prints '
                f"them{meant}"
            )
            yield "CG136", ("fields",), message, name


def _of_events(table: LogTable) -> Iterator[Problem]:
    seen: set[str] = set()
    for event in map(_interest, table.events):
        name = event.name
        if name in seen:
            yield "CG130", ("events",), f'events: "{name}" stands twice; leave it once', name
        seen.add(name)
        for taken in event.properties.keys() & set(_RESERVED_PROPERTIES):
            message = (
                f'events: "{name}" has a property "{taken}", which data-interest-{taken} already '
                "means otherwise; call it by another name"
            )
            yield "CG131", ("events",), message, name


def _of_security(table: LogTable) -> Iterator[Problem]:
    folder, key = table.security_directory, table.security_public_key
    if bool(folder) != bool(key):
        missing = "security_public_key" if folder else "security_directory"
        message = (
            f"{missing}: is missing; a security log needs both a folder and the officer's public "
            "key (consentgate log keygen makes one)"
        )
        yield "CG132", (), message, ""
    if folder and table.directory and _overlap(folder, table.directory):
        message = (
            f'security_directory = "{folder}": lies in the folder of the site log, or around it; '
            "the two are kept apart, name another one"
        )
        yield "CG133", ("security_directory",), message, ""


def _overlap(one: str, other: str) -> bool:
    """Whether one of two folders holds the other."""
    pairs = zip(_folders(one), _folders(other), strict=False)
    return all(mine == theirs for mine, theirs in pairs)


def _folders(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _interest(event: str | EventTable) -> Interest:
    if isinstance(event, str):
        return Interest(name=event)
    values = {name: tuple(values) for name, values in event.properties.items()}
    return Interest(name=event.name, properties=MappingProxyType(values))


def log_settings(table: LogTable) -> LogSettings:
    """The settings that the table amounts to."""
    values = dict(table)
    values["is_longitudinal"] = values.pop("longitudinal")
    query = values.pop("query_fields")
    if query is not None:
        values["query_fields"] = tuple(query)
    for name in ("fields", "routes", "path_fields", "campaigns"):
        values[name] = tuple(values[name])
    values["events"] = tuple(map(_interest, table.events))
    return LogSettings(**values)
