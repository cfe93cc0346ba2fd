"""Owns the rules for single paths of a site: where they apply, and what a policy is there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """What is otherwise on some paths; what a rule does not say stays as the site has it."""

    match: tuple[str, ...]
    """Paths of the app: ``/docs`` alone, ``/admin/*`` with everything below it."""
    csp: str = ""
    """``enforce``, ``report-only`` or ``off``."""
    banner: str = ""
    """``none``: pages get no first layer."""
    unknown_hosts: str = ""
    """``block`` or ``report``."""
    is_logged: bool | None = None
    """Whether visits get a record in the site log."""
    is_gated: bool | None = None
    """Whether anything of a request or an answer is gated."""

    def covers(self, path: str) -> bool:
        """Whether the rule holds for a path.

        Never for one that an app may take for another path: with dot segments, empty segments,
        backslashes or parameters (``;x=1``).
        """
        if "//" in path or "\\" in path or ";" in path or "/." in path:
            return False
        return any(_covers(pattern, path) for pattern in self.match)


def _covers(pattern: str, path: str) -> bool:
    if not pattern.endswith("*"):
        return path == pattern
    start = pattern[:-1]
    return path.startswith(start) or (start.endswith("/") and path == start[:-1])
