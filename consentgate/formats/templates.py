"""Owns declared route templates: which one an address falls under, for apps that say none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

UNMATCHED = "(unmatched)"
"""What a record calls an address that falls under no template: a stranger may have written it."""
TEMPLATE = r"^/[A-Za-z0-9_~.{}:/-]{0,255}$"
"""The form of a template, for policies."""
_FIELD = re.compile(r"\{(\w+)(:path)?\}")


class Templates:
    """Templates such as ``/products/{id}`` and ``/files/{rest:path}``; the first that fits."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._patterns = [(re.compile(_pattern_of(template)), template) for template in templates]
        self.find = lru_cache(4_096)(self._find)
        """``find(path)``: the template, or ``(unmatched)``."""

    def _find(self, path: str) -> str:
        for pattern, template in self._patterns:
            if pattern.fullmatch(path):
                return template
        return UNMATCHED


def _pattern_of(template: str) -> str:
    parts, end = [], 0
    for field in _FIELD.finditer(template):
        parts.append(re.escape(template[end : field.start()]))
        parts.append(".+" if field[2] else "[^/]+")
        end = field.end()
    return "".join(parts) + re.escape(template[end:])
