"""Owns what may be known of a browser: families and classes, never its own text."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Device(enum.StrEnum):
    """How big the screen is, in four words."""

    DESKTOP = "desktop"
    MOBILE = "mobile"
    TABLET = "tablet"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Bot:
    """A declared machine."""

    name: str
    """Name that it gives itself, such as ``Googlebot``; at most 64 characters."""
    kind: str
    """``search-engine``, ``ai-crawler``, ``seo``, ``http-library`` …, ``other``."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What every tier may know: a class of device, and whether it is a machine."""

    device: Device
    bot: Bot | None = None
    is_tool: bool = False
    """Neither a browser nor a declared machine: a library, a player, a made-up name."""


@dataclass(frozen=True, slots=True)
class Browser:
    """What only the statistics tier may know."""

    family: str = ""
    major: str = ""
    os: str = ""


NOBODY = Looks(Device.OTHER)
"""No agent was stated."""
