"""Owns what may be known of an agent: families and classes. Never knows its own text."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Device(enum.StrEnum):
    """The size of a screen, in four classes."""

    DESKTOP = "desktop"
    MOBILE = "mobile"
    TABLET = "tablet"
    OTHER = "other"


class Bot(NamedTuple):
    """A declared machine."""

    name: str
    """Name that it gives itself, such as ``Googlebot``; at most 64 characters."""
    kind: str
    """``search-engine``, ``ai-crawler``, ``seo``, ``http-library`` …, ``other``."""


class AgentClasses(NamedTuple):
    """What every tier may know of an agent: its class of device, and whether it is a machine."""

    device: str
    """One of ``Device``."""
    bot: Bot | None = None
    is_tool: bool = False
    """Neither a browser nor a declared machine: a library, a player, a made-up name."""
    says_browser: bool = False
    """Whether it has a browser's name. Then a visit is suspect where it comes with headers that
    no browser sends: each states its languages, and over HTTPS each in use since 2023 its
    ``Sec-Fetch-*`` headers."""


class Browser(NamedTuple):
    """What only the statistics tier may know of an agent."""

    family: str = ""
    major: str = ""
    os: str = ""


NO_BROWSER = Browser()
"""Nothing is known of the browser."""
NO_AGENT = AgentClasses(Device.OTHER.value)
"""No agent was stated."""
UNSORTED = AgentClasses("")
"""Nobody has looked at the agent yet."""
