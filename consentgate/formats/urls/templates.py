"""Owns declared route templates: which one an address falls under, for apps that say none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from consentgate.memo import Memo, up_to

UNMATCHED = "(unmatched)"
"""What a record calls an address that falls under no template: a stranger may have written it."""
TEMPLATE = r"^/[A-Za-z0-9_~.{}:/-]{0,255}$"
"""The form of a template, for policies."""
_LONGEST_REMEMBERED = 512
_FIELD = re.compile(r"\{(\w+)(:path)?\}")


class Templates:
    """Templates such as ``/products/{id}`` and ``/files/{rest:path}``; the first that fits."""

    def __init__(self, templates: Iterable[str]) -> None:
        self.declared = tuple(templates)
        self._any = re.compile("|".join(f"({one})" for one in self.patterns("[^/]+", ".+")))
        self.find: Callable[[str], str] = Memo(
            self.match, 4_096, is_small=up_to(_LONGEST_REMEMBERED)
        ).__getitem__
        """``find(path)``: the template, or ``(unmatched)``."""

    def match(self, path: str) -> str:
        """The same, for paths that hardly come twice."""
        found = self._any.fullmatch(path)
        return self.declared[found.lastindex - 1] if found and found.lastindex else UNMATCHED

    def patterns(self, segment: str, rest: str) -> list[str]:
        """One regular expression for each template, without groups that capture.

        Args:
            segment: finds what a field may be.
            rest: finds what a field with ``:path`` may be.
        """
        return [_pattern_of(one, segment, rest) for one in self.declared]


def _pattern_of(template: str, segment: str, rest: str) -> str:
    parts, end = [], 0
    for field in _FIELD.finditer(template):
        parts.append(re.escape(template[end : field.start()]))
        parts.append(rest if field[2] else segment)
        end = field.end()
    return "".join(parts) + re.escape(template[end:])
