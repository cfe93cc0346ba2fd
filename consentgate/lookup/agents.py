"""Owns what a User-Agent says of its browser or machine; never knows who sent it.

ua-parser's own resolvers are used, the native one where it is installed (``fast`` extra):
``user_agents.parse`` never takes it and is 24 times slower. Raw agents live in bounded
tables in memory, here and with what a gate knows of callers, and nowhere else.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import cache

from consentgate.domain.agents import NO_AGENT, AgentClasses, Bot, Browser, Device
from consentgate.lookup.bots import MAX_CHARS, BotList, is_tool
from consentgate.memo import Memo

MOST_REMEMBERED = 8_192
EVERYDAY = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""An agent to load the tables with."""
_OTHER = ("tv", "playstation", "nintendo", "xbox", "crkey", "roku", "watch")
_TABLET = ("iPad", "Tablet", "tablet", "PlayBook", "Kindle")
_MOBILE = (
    *("Mobi", "mobi", "iPhone", "iPod", "Windows Phone", "BlackBerry", "Opera Mini", "MIDP"),
    *("Nokia", "UP.Browser", "KAIOS"),
)
_DESKTOP = ("Windows", "Macintosh", "X11", "CrOS", "Linux", "BSD")
_OLD_WINDOWS = re.compile(r"Win\d")


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
        self._resolve: Callable[[str], Browser] | None = None
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
            device_of(agent).value,
            bot,
            is_tool=bot is None and is_tool(agent),
            says_browser=agent.startswith("Mozilla/5.0"),
        )

    def _find_browser(self, agent: str) -> Browser:
        with self._loading:
            if self._resolve is None:
                self._resolve = _resolver()
        return self._resolve(agent[:MAX_CHARS])


@cache
def _resolver() -> Callable[[str], Browser]:
    """Load ua-parser's fastest resolver that is installed, without its own cache."""
    from ua_parser import BestAvailableResolver, Domain, load_builtins

    resolve = BestAvailableResolver(load_builtins())
    wanted = Domain.USER_AGENT | Domain.OS

    def find(agent: str) -> Browser:
        found = resolve(agent, wanted)
        stated, system = found.user_agent, found.os
        family, major = (stated.family, stated.major or "") if stated else ("", "")
        known_major = major[:4] if major.isdigit() else ""
        return Browser(family[:40], known_major, system.family[:40] if system else "")

    return find


def device_of(agent: str) -> Device:
    """Tell the class of device by plain words of the agent."""
    if _has_any(agent.lower(), _OTHER):
        return Device.OTHER
    if _is_tablet(agent):
        return Device.TABLET
    if _has_any(agent, _MOBILE):
        return Device.MOBILE
    is_desktop = _has_any(agent, _DESKTOP) or _OLD_WINDOWS.search(agent)
    return Device.DESKTOP if is_desktop else Device.OTHER


def _is_tablet(agent: str) -> bool:
    """Tell a tablet; Android's and Silk's are those that do not say that they are mobile."""
    if _has_any(agent, _TABLET):
        return True
    _, name, rest = agent.rpartition("Android")
    if name and not _has_any(rest, ("Mobile", "mobile")):
        return True
    _, name, rest = agent.rpartition("Silk/")
    return bool(name) and "Mobile" not in rest


def _has_any(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - a generator costs more than the looks themselves
        if word in text:
            return True
    return False
