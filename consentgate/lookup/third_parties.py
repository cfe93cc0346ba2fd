"""Owns what is publicly known of third parties: whose a host or a cookie commonly is.

Hints for the operator and a rough purpose, from data/third_parties.json, which names its sources.
Never knows the policy: what that declares goes before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

_SHORTEST_PREFIX = 3


class Party(NamedTuple):
    """Who is commonly behind a host or a cookie."""

    name: str
    purpose: str
    """What it is commonly used for; empty: the name alone is known."""
    pattern: str
    """How the table writes the host or the cookie: a star stands for what differs."""


class ThirdParties:
    """Finds third parties by host, and by the name of a cookie."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the table.

        Args:
            document: with ``parties`` and ``cookies``, as the shipped file has them.
        """
        self._hosts: dict[str, Party] = {}
        for name, purpose, hosts in document["parties"]:
            for pattern in hosts.split():
                self._hosts.setdefault(pattern, Party(name, purpose, pattern))
        self._cookies = {
            pattern: Party(platform, purpose, pattern)
            for pattern, platform, purpose in document["cookies"]
        }

    def of_host(self, host: str) -> Party | None:
        """Whose the host is: it alone, or the nearest domain above it; None: not known."""
        found = self._hosts.get(host)
        while found is None and host:
            found = self._hosts.get(f"*.{host}")
            host = host.partition(".")[2]
        return found

    def of_cookie(self, name: str) -> Party | None:
        """Whose the cookie is: of that name, or with the longest prefix; None: not known."""
        found = self._cookies.get(name)
        length = len(name)
        while found is None and length >= _SHORTEST_PREFIX:
            found = self._cookies.get(name[:length] + "*")
            length -= 1
        return found


@lru_cache(maxsize=1)
def known_third_parties() -> ThirdParties:
    """The shipped table, read when it is first asked for."""
    text = (files("consentgate") / "data" / "third_parties.json").read_text(encoding="utf-8")
    return ThirdParties(json.loads(text))
