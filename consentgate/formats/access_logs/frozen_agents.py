"""Owns what stands for a user agent where a format demands one: the same text for everybody alike.

Families, not people: all Firefoxes of one major version on one system share a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consentgate.memo import remember, up_to

_SYSTEMS = {
    "Windows": "Windows NT 10.0; Win64; x64",
    "Mac OS X": "Macintosh; Intel Mac OS X 10_15_7",
    "Linux": "X11; Linux x86_64",
    "Ubuntu": "X11; Ubuntu; Linux x86_64",
    "Chrome OS": "X11; CrOS x86_64 14541.0.0",
    "Android": "Linux; Android 10; K",
    "iOS": "iPhone; CPU iPhone OS 17_0 like Mac OS X",
}
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_FAMILIES = {
    "Chrome": f"{_WEBKIT} Chrome/{{major}}.0.0.0 Safari/537.36",
    "Chrome Mobile": f"{_WEBKIT} Chrome/{{major}}.0.0.0 Mobile Safari/537.36",
    "Chromium": f"{_WEBKIT} Chromium/{{major}}.0.0.0 Safari/537.36",
    "Edge": f"{_WEBKIT} Chrome/{{major}}.0.0.0 Safari/537.36 Edg/{{major}}.0.0.0",
    "Opera": f"{_WEBKIT} Chrome/{{major}}.0.0.0 Safari/537.36 OPR/{{major}}.0.0.0",
    "Safari": f"{_SAFARI} Version/{{major}}.0 Safari/605.1.15",
    "Mobile Safari": f"{_SAFARI} Version/{{major}}.0 Mobile/15E148 Safari/604.1",
    "Firefox": "Gecko/20100101 Firefox/{major}.0",
    "Firefox Mobile": "Gecko/{major}.0 Firefox/{major}.0",
    "Samsung Internet": f"{_WEBKIT} SamsungBrowser/{{major}}.0 Chrome/126.0.0.0 Safari/537.36",
}
_IPAD = "iPad; CPU OS 17_0 like Mac OS X"


def frozen_agent(record: Mapping[str, Any]) -> str:
    """A user agent that says what the record says, and nothing else."""
    if "bot" in record:
        return _machine(str(record["bot"]))
    return _browser(
        str(record.get("browser", "")),
        _plain(str(record.get("bmaj", "")))[:4],
        str(record.get("os", "")),
        str(record.get("device", "")),
    )


@remember(1_024, is_small=up_to(512))
def _machine(name: str) -> str:
    """Readers take a robot for one by the words ``bot`` and ``compatible``."""
    return f"Mozilla/5.0 (compatible; {_plain(name)}; bot)"


@remember(4_096, is_small=up_to(512))
def _browser(family: str, major: str, system: str, device: str) -> str:
    known = _SYSTEMS.get(system, _plain(system))
    if system == "iOS" and device == "tablet":
        known = _IPAD
    form = _FAMILIES.get(family)
    if form is None:
        named = f" {_plain(family)}/{major or 0}.0" if family else ""
        return f"Mozilla/5.0 ({known or _plain(device) or 'other'}){named}"
    if family.startswith("Firefox"):
        known = f"{known}; rv:{major or 0}.0"
    return f"Mozilla/5.0 ({known}) {form.format(major=major or 0)}"


def _plain(text: str) -> str:
    """Without what could end a quoted cell."""
    return "".join(char for char in text if char.isprintable() and char not in '"\\()')[:64]
