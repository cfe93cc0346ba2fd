"""Owns the path that a record holds where the route is known: its fields stand for their values.

What an app takes from an address may be anyone's name or search. The value of a field is written
only where the policy declares the field, and is then scrubbed.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from consentgate.formats.urls.scrubbing import MAX_CHARS, scrubbed_path
from consentgate.memo import remember, up_to

_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}|<(?:\w+:)?(\w+)>")


def routed_path(route: str, path: str, declared: Collection[str]) -> str:
    """The path with its fields named: ``/u/jane`` of ``/u/{name}`` is ``/u/{name}``.

    Args:
        route: the template that answered; of another form, or none of this path: the path is
            scrubbed alone.
        path: as the visitor asked; in front of the route a mount may stand.
        declared: names of fields whose values may be written, scrubbed.
    """
    form = _form(route)
    found = form[0].fullmatch(path) if form is not None else None
    if form is None or found is None:
        return scrubbed_path(path)
    before, *values = found.groups()
    parts = [scrubbed_path(before) if before else ""]
    for text, name, value in zip(form[1], [*form[2], ""], [*values, ""], strict=True):
        parts.append(text)
        if name:
            parts.append(scrubbed_path(value) if name in declared else f"{{{name}}}")
    return "".join(parts)[:MAX_CHARS]


@remember(1_024, is_small=up_to(256))
def _form(route: str) -> tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]] | None:
    """A route's pattern, its plain texts and the names of its fields; None: it has none."""
    if not route.startswith("/") or not _FIELD.search(route):
        return None
    texts, names, pattern, end = [], [], "((?:/[^/]+)*?)", 0
    for field in _FIELD.finditer(route):
        texts.append(route[end : field.start()])
        names.append(field[1] or field[3])
        many = field[2] == "path" or field.end() == len(route)
        pattern += re.escape(texts[-1]) + ("(.+)" if many else "([^/]+)")
        end = field.end()
    texts.append(route[end:])
    return re.compile(pattern + re.escape(texts[-1])), tuple(texts), tuple(names)
