"""Owns what a visitor asks for in one POST: a form's or a JSON document's act, checked.

Never knows what was chosen before, nor what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consentgate.asgi.posts.bodies import Body, BodyProblem
from consentgate.domain.policy.policy import Policy
from consentgate.domain.signals import NONE, Signals

KINDS = ("accept", "reject", "save", "withdraw", "dismiss", "service", "signal")
SOURCES = ("banner", "page", "placeholder", "api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a visitor asks for in one POST, checked against the policy."""

    kind: str
    purposes: Mapping[str, bool]
    services: Mapping[str, bool | None]
    """What was said of single services; None takes back what was said of one before."""
    told: Signals
    notice: str
    source: str
    next: str
    is_once: bool = False
    """Whether services are granted for this browser session alone."""


def read_act(body: Body, policy: Policy) -> Act:
    """Check what was sent against the policy.

    Raises:
        BodyProblem: 400 for an unknown kind or nothing said, 422 for an unknown purpose or service.
    """
    act = (
        _act_of_json(body.document, policy)
        if body.document is not None
        else _act_of_form(body.fields, policy)
    )
    if act.kind == "service" and not act.services:
        raise BodyProblem(400, "malformed", "services: expected one at least")
    return act


def withdrawal(policy: Policy) -> Act:
    """What the button that takes everything back asks for."""
    return Act(
        kind="withdraw",
        purposes=dict.fromkeys((purpose.key for purpose in policy.optional_purposes), False),
        services={},
        told=NONE,
        notice="",
        source="page",
        next="",
    )


def _act_of_form(fields: Mapping[str, list[str]], policy: Policy) -> Act:
    def one(name: str) -> str:
        return fields.get(name, [""])[0]

    kind = _kind(one("choice"))
    granted = _known(fields.get("p", []), policy.purpose_by_key, "purpose")
    chosen = _known(fields.get("s", []), policy.service_by_key, "service")
    offered = _known(fields.get("offered", []), policy.service_by_key, "service")
    services = _said_of_services(policy, granted, chosen, offered, fields.get("was", []))
    if kind == "service":
        services = dict.fromkeys(
            _known(fields.get("service", []), policy.service_by_key, "service"), True
        )
    return Act(
        kind=kind,
        purposes={purpose.key: purpose.key in granted for purpose in policy.optional_purposes},
        services=services,
        told=_told(one("told").split()),
        notice=one("notice")[:64],
        source=_source(one("source")),
        next=one("next"),
        is_once=kind == "service" and one("span") == "once",
    )


def _said_of_services(
    policy: Policy,
    granted: Sequence[str],
    chosen: Sequence[str],
    offered: Sequence[str],
    was: Sequence[str],
) -> dict[str, bool | None]:
    """What a form says of single services: only a box that was changed speaks for itself.

    An untouched box follows its purposes where one of theirs was changed (None takes back what
    was said of it before), and says nothing otherwise.

    Args:
        policy: what the site declares.
        granted: purposes whose box is ticked.
        chosen: services whose box is ticked.
        offered: services that have a box in this form.
        was: ``p:KEY`` and ``s:KEY`` of the boxes that came ticked.
    """
    said: dict[str, bool | None] = {}
    for key in offered:
        if (key in chosen) != (f"s:{key}" in was):
            said[key] = key in chosen
        elif any(
            (purpose in granted) != (f"p:{purpose}" in was)
            for purpose in policy.service_by_key[key].purposes
            if not policy.purpose_by_key[purpose].is_necessary
        ):
            said[key] = None
    return said


def _act_of_json(document: Mapping[str, Any], policy: Policy) -> Act:
    choice = document.get("choice", "")
    if isinstance(choice, str) and choice in _TAKING:
        document = {name: document[name] for name in _TOLD_OF if name in document}
    unknown = set(document) - {"choice", *_TYPES}
    if unknown:
        raise BodyProblem(422, "unknown_field", f"unknown field: {sorted(unknown)[0][:40]!r}")
    kind = _kind(choice)
    if kind not in _TAKING:
        _check_types(document)
    purposes = _flags(document.get("purposes", {}), policy.purpose_by_key, "purpose")
    if any(policy.purpose_by_key[key].is_necessary and not purposes[key] for key in purposes):
        raise BodyProblem(422, "required_purpose", "what is necessary cannot be refused")
    services: dict[str, bool | None] = {}
    if kind == "save":  # says everything: what it does not name follows its purposes
        services = dict.fromkeys(policy.service_by_key)
    services.update(_flags(document.get("services", {}), policy.service_by_key, "service"))
    return Act(
        kind=kind,
        purposes={
            purpose.key: purposes.get(purpose.key, False) for purpose in policy.optional_purposes
        },
        services=services,
        told=_told(document.get("told", [])),
        notice=str(document.get("notice", ""))[:64],
        source=_source(document.get("source", "api")),
        next="",
        is_once=kind == "service" and document.get("span") == "once" and all(services.values()),
    )


_TAKING = frozenset(("reject", "withdraw"))
"""What only takes away: no misspelt detail stands in its way."""
_TOLD_OF = ("told", "notice", "source")
"""What is noted of it."""
_TYPES: Mapping[str, tuple[type, str]] = {
    "purposes": (dict, "an object of true and false"),
    "services": (dict, "an object of true and false"),
    "told": (list, "a list of signals"),
    "notice": (str, "a text"),
    "source": (str, "a text"),
    "span": (str, "a text"),
}


def _check_types(document: Mapping[str, Any]) -> None:
    """Refuse a JSON document whose values are not of the types that they are to have.

    Raises:
        BodyProblem: 400, with the field and what was expected.
    """
    for name, (kind, expected) in _TYPES.items():
        value = document.get(name, kind())
        is_right = isinstance(value, kind)
        if is_right and kind is dict:
            is_right = all(isinstance(said, bool) for said in value.values())
        elif is_right and kind is list:
            is_right = all(isinstance(said, str) for said in value)
        if not is_right:
            raise BodyProblem(400, "malformed", f"{name}: expected {expected}")


def _kind(value: object) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise BodyProblem(400, "malformed", f"choice: expected one of {', '.join(KINDS)}")
    return str(value)


def _source(value: object) -> str:
    return str(value) if value in SOURCES else "api"


def _told(values: object) -> Signals:
    words = values if isinstance(values, list) else []
    return Signals("gpc" in words, "dnt" in words)


def _known(keys: Sequence[str], table: Mapping[str, object], word: str) -> list[str]:
    for key in keys:
        if key not in table:
            raise BodyProblem(422, f"unknown_{word}", f"the policy has no {word} of that key")
    return list(keys)


def _flags(value: object, table: Mapping[str, object], word: str) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise BodyProblem(400, "malformed", f"{word}s: expected an object of true and false")
    _known(list(value), table, word)
    return {key: said is True for key, said in value.items()}  # only a literal true grants
