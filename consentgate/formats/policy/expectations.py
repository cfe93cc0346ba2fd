"""Owns the words for a key or a value that has not the shape it must have.

Never knows what the file means as a whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from consentgate.formats.policy.line_numbers import Path
from consentgate.formats.policy.shape import (
    COOKIE_NAME,
    COUNTRY,
    ORIGIN,
    PATH_PATTERN,
    PROPERTY,
    SLUG,
    CookieTable,
    PolicyTable,
    PurposeTable,
    ServiceTable,
)


def is_noise(part: str | int) -> bool:
    """Parts of pydantic's locations that are not keys of the file: names of union members."""
    return isinstance(part, str) and (
        part.endswith("Table")
        or part.startswith(("constrained-", "function-", "list["))
        or part in ("str", "int", "[key]")
    )


def known_keys(path: Path) -> list[str]:
    """The keys that the table at a place may have."""
    tables: dict[str, type] = {}
    fields: list[str] = list(PolicyTable.model_fields)
    if len(path) >= 2 and path[0] in PolicyTable.model_fields:
        annotation = PolicyTable.model_fields[str(path[0])].annotation
        models = {"service": ServiceTable, "purpose": PurposeTable}
        model: Any = models.get(str(path[0]), annotation)
        if "cookies" in path:
            model = CookieTable
        fields = list(getattr(model, "model_fields", tables))
    return fields


def meant(word: str, known: Sequence[str]) -> str:
    """A question whether one of the known words was meant; empty: none is near."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.55)
    return f'; did you mean "{close[0]}"?' if close else ""


def expectation(key: str, given: Any, detail: Any, context: Mapping[str, Any]) -> str:
    """What was expected in the place of what is given.

    Args:
        key: as the file has it.
        given: its value.
        detail: what pydantic found.
        context: what pydantic says of the rule.
    """
    shown = f'"{given}"' if isinstance(given, str) else as_toml(given)
    kind = detail["type"]
    if kind == "literal_error":
        options = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return f"{key} = {shown}: expected {options}{meant(str(given), options.split(', '))}"
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return f"{key} = {shown}: expected {_FORMS.get(pattern, f'text of the form {pattern}')}"
    return f"{key} = {shown}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def key_of(path: Path) -> str:
    """The last key of a place, with its position in a list."""
    if not path:
        return ""
    return f"{path[-2]}[{path[-1]}]" if isinstance(path[-1], int) else path[-1]


_FORMS = {
    COOKIE_NAME: "a cookie name: letters, digits and !#$%&'*+-.^_`|~; a star ends a prefix",
    SLUG: "a key of lower-case letters, digits, - and _, beginning with a letter",
    COUNTRY: 'a country code such as "IE"',
    ORIGIN: 'an origin in lower case, without a path, such as "https://app.example.com"',
    PATH_PATTERN: 'a path of the app such as "/docs", or "/admin/*" with everything below it',
    PROPERTY: "a property of lower-case letters, digits and _, beginning with a letter",
}


def as_toml(value: Any) -> str:
    """A value as it may stand in the file, at most sixty characters."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
