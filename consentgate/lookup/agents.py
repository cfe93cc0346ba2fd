"""Owns what a User-Agent says of its browser or machine; never knows who sent it.

ua-parser's own resolvers are used, the native one where it is installed (``fast`` extra). Raw
agents live in bounded tables in memory, here and with what a gate knows of callers, and nowhere
else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from consentgate.domain.agents import NO_AGENT, AgentClasses, Bot, Browser
from consentgate.lookup.bots import MAX_CHARS, BotList, is_tool
from consentgate.memo import Memo

if TYPE_CHECKING:
    from ua_parser import PartialResult

MOST_REMEMBERED = 8_192
Resolve = Callable[[str, bool], "PartialResult"]
"""Takes an agent, and whether its device is asked for too."""
EVERYDAY = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""An agent to load the tables with."""


class Agents:
    """Says what an agent is. Finding it out is slow: on an event loop, ask what is known.

    ``classes.get(agent)`` and ``browsers.get(agent)`` give what is known, ``classes[agent]`` and
    ``browsers[agent]`` find it out, in up to half a millisecond, and after half a second where the
    tables are not loaded yet.
    """

    def __init__(self, bots: BotList | None = None) -> None:
        """Load nothing yet.

        Args:
            bots: another list of machines than the shipped one.
        """
        self._bots = bots
        self._resolve: Resolve | None = None
        self._loading = threading.Lock()
        self.classes: Memo[str, AgentClasses] = Memo(self._find_classes, MOST_REMEMBERED)
        """By agent: class of device and declared machine, for any tier."""
        self.browsers: Memo[str, Browser] = Memo(self._find_browser, MOST_REMEMBERED)
        """By agent: family, major version and system, for T1."""

    def warm(self) -> None:
        """Load the tables, which takes half a second: call it in a thread, at start."""
        self.classes[EVERYDAY], self.browsers[EVERYDAY]

    def find_bot(self, agent: str) -> Bot | None:
        """Find the machine that the agent declares itself to be; None: a browser says nothing."""
        with self._loading:
            if self._bots is None:
                self._bots = BotList.shipped()
        return self._bots.find(agent)

    def _find_classes(self, agent: str) -> AgentClasses:
        if not agent.strip():
            return NO_AGENT
        bot = self.find_bot(agent)
        return AgentClasses(
            self._device(agent[:MAX_CHARS]),
            bot,
            is_tool=bot is None and is_tool(agent),
            says_browser=agent.startswith("Mozilla/5.0"),
        )

    def _device(self, agent: str) -> str:
        from consentgate.lookup.devices import device_of

        return device_of(agent, self._resolver()(agent, True)).value

    def _find_browser(self, agent: str) -> Browser:
        found = self._resolver()(agent[:MAX_CHARS], False)
        stated, system = found.user_agent, found.os
        family, major = (stated.family, stated.major or "") if stated else ("", "")
        known_major = major[:4] if major.isdigit() else ""
        return Browser(family[:40], known_major, system.family[:40] if system else "")

    def _resolver(self) -> Resolve:
        with self._loading:
            if self._resolve is None:
                self._resolve = _resolver()
        return self._resolve


@cache
def _resolver() -> Resolve:
    """Load ua-parser's fastest resolver that is installed, without its own cache."""
    from ua_parser import BestAvailableResolver, Domain, load_builtins

    resolve = BestAvailableResolver(load_builtins())
    some, whole = Domain.USER_AGENT | Domain.OS, Domain.ALL

    def find(agent: str, is_whole: bool) -> PartialResult:
        return resolve(agent, whole if is_whole else some)

    return find
