"""Owns the headers that make a browser report to somebody: who may still be reported to (STO-04).

``Report-To``, ``NEL``, ``Reporting-Endpoints`` and what a Content-Security-Policy says of reports.
What may stay stays byte for byte; what a browser has kept from an earlier answer is revoked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from consentgate.formats.headers import lists as header_lists

Denies = Callable[[bytes], bool]

_GAP = re.compile(r"[ \t\r\n,]*")
_MOST_CHARS = 16_384
_DEFAULT_GROUP = "default"


def groups(value: bytes, denies: Denies, gone: set[str]) -> bytes | None:
    """``Report-To`` without endpoints of denied services (Reporting API, 2018 draft, 3.1).

    A group that has none left is said to last no second longer, so that the browser forgets it.

    Args:
        value: JSON objects, separated by commas.
        denies: says of an address whether it is a denied service's.
        gone: takes the names of the groups that ended.

    Returns:
        The same bytes where nothing changes; None where it cannot be read, which no browser can.
    """
    text = value.decode("utf-8", "replace")
    try:
        spans = _objects(text)
    except ValueError:
        return None
    written = [_group(group, text[start:end], denies, gone) for group, start, end in spans]
    if all(new is None for new in written):
        return value
    pieces = [
        new if new is not None else text[start:end]
        for new, (_, start, end) in zip(written, spans, strict=True)
    ]
    return ", ".join(pieces).encode()


def _objects(text: str) -> list[tuple[dict[str, Any], int, int]]:
    """Every object with where it begins and ends.

    Raises:
        ValueError: not a list of JSON objects.
    """
    if len(text) > _MOST_CHARS:
        raise ValueError("too long")
    decoder = json.JSONDecoder()
    found = []
    position = _gap(text, 0)
    try:
        while position < len(text):
            value, end = decoder.raw_decode(text, position)
            if not isinstance(value, dict):
                raise ValueError("not an object")
            found.append((value, position, end))
            position = _gap(text, end)
    except RecursionError as error:
        raise ValueError("too deep") from error
    return found


def _gap(text: str, position: int) -> int:
    found = _GAP.match(text, position)
    return found.end() if found is not None else position


def _group(group: dict[str, Any], text: str, denies: Denies, gone: set[str]) -> str | None:
    """The group written anew; None where it stays as it is."""
    endpoints = group.get("endpoints")
    if not isinstance(endpoints, list):
        return None
    staying = [endpoint for endpoint in endpoints if not _is_denied(endpoint, denies)]
    if len(staying) == len(endpoints):
        return None
    changed = {**group, "endpoints": staying}
    if not staying:
        gone.add(str(group.get("group", _DEFAULT_GROUP)))
        changed["max_age"] = 0
    return json.dumps(changed, separators=(",", ":"))


def _is_denied(endpoint: object, denies: Denies) -> bool:
    url = endpoint.get("url") if isinstance(endpoint, dict) else None
    return isinstance(url, str) and denies(url.encode("utf-8", "replace"))


def errors(value: bytes, gone: set[str]) -> bytes | None:
    """``NEL``; revoked where it reports to a group that ended (Network Error Logging 4.1)."""
    if not gone:
        return value
    try:
        policy = json.loads(value)
        group = policy.get("report_to") if isinstance(policy, dict) else None
    except (ValueError, RecursionError):
        return None
    return b'{"max_age":0}' if group in gone else value


def endpoints(value: bytes, denies: Denies, gone: set[str]) -> bytes | None:
    """``Reporting-Endpoints`` without those of denied services."""

    def may_stay(member: bytes) -> bool:
        name, _, address = member.partition(b"=")
        if not any(map(denies, header_lists.strings(address))):
            return True
        gone.add(name.strip().decode("latin-1"))
        return False

    return header_lists.kept(value, may_stay)


def policy_reports(value: bytes, denies: Denies, gone: set[str]) -> bytes | None:
    """A Content-Security-Policy that reports to nobody who is denied; its rules stay.

    Neither commas nor semicolons stand in a directive (CSP3 2.2.1), so both only separate.
    """
    policies = [
        b";".join(_directives(policy, denies, gone)) if b"report-" in policy.lower() else policy
        for policy in value.split(b",")
    ]
    changed = b",".join(policies)
    return value if changed == value else changed.strip(b" \t") or None


def _directives(policy: bytes, denies: Denies, gone: set[str]) -> list[bytes]:
    staying = []
    for directive in policy.split(b";"):
        words = directive.split()
        name = words[0].lower() if words else b""
        if name == b"report-uri":
            left = [word for word in words[1:] if not denies(word)]
            if not left:
                continue
            if len(left) < len(words) - 1:
                directive = b" " + b" ".join((words[0], *left))
        elif name == b"report-to" and any(word.decode("latin-1") in gone for word in words[1:]):
            continue
        staying.append(directive)
    return staying
