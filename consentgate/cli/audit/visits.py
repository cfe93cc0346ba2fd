"""Owns what one visit of an audit saw; never knows a browser."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """One address of a third party that the browser asked."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One cookie or storage key that was in the browser at the end."""

    kind: str
    """``cookie``, ``local`` or ``session``."""
    name: str
    host: str
    """Whose it is, as the browser says."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visitor's browser asked and kept."""

    name: str
    grants: bool
    """Whether everything was granted before the browser was looked at."""
    host: str
    """Of the page that was shown."""
    asked: tuple[Asked, ...] = ()
    """Third parties that were reached; what the page's own policy blocked is left out."""
    stored: tuple[Stored, ...] = ()
    pressed: str = ""
    """What was pressed; empty: nothing was to be pressed, or nothing known was there."""
    note: str = ""
    screenshot: bytes = b""
    """JPEG."""


def is_own(host: str, page: str) -> bool:
    """Whether a host belongs to the page's own site: the same, below it, or above it."""
    one, other = host.lstrip("."), page
    return one == other or one.endswith("." + other) or other.endswith("." + one)
