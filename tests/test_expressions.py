"""Every regular expression of the package, seen as the engine reads it."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]  # the only way to see an expression's parts

import pytest

import consentgate

SINGLE = {"IN", "LITERAL", "NOT_LITERAL", "ANY", "CATEGORY"}
"""Parts that match one character: repeating them never has to step back within a round."""


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Every compiled expression that a module holds, by name."""
    for module in pkgutil.walk_packages(consentgate.__path__, "consentgate."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value
            for key, inner in held(value).items():
                if isinstance(inner, re.Pattern):
                    yield f"{module.name}.{name}[{key!r}]", inner


def held(value: object) -> dict[object, object]:
    """What a table or record of a module holds, by key or name."""
    if isinstance(value, dict):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {}


def possessive_groups(parsed: object) -> Iterator[object]:
    """Groups that are repeated possessively, at any depth."""
    if isinstance(parsed, _parser.SubPattern):
        for operator, argument in parsed:
            if str(operator) == "POSSESSIVE_REPEAT":
                repeated = argument[2]
                if len(repeated) != 1 or str(repeated[0][0]) not in SINGLE:
                    yield repeated
            yield from possessive_groups(argument)
    elif isinstance(parsed, tuple | list):
        for part in parsed:
            yield from possessive_groups(part)


ALL = dict(sorted(patterns(), key=lambda pair: pair[0]))


@pytest.mark.parametrize("pattern", ALL.values(), ids=ALL)
def test_no_group_is_repeated_possessively(pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
    """``(?:ab?c)*+`` takes the half-matched "a" of "aca" before Python 3.11.5 (python/cpython
    gh-106052): what is denied would pass as if it had been looked at. ``(?>(?:ab?c)*)`` is right."""
    assert list(possessive_groups(_parser.parse(pattern.pattern, pattern.flags))) == []


@pytest.mark.parametrize("repeat", ["*+", "++", "?+", "{2,5}+"])
def test_a_possessive_group_is_seen(repeat: str) -> None:
    """Also within another group, and behind an alternative."""
    for text in (f"(?:ab?c){repeat}", f"x(y|(?=(?:ab){repeat}))"):
        assert list(possessive_groups(_parser.parse(text)))
    assert not list(possessive_groups(_parser.parse(f"(?>(?:[^<]{repeat}c)*)")))
